using Forebay.Simulation.Replay;
using Forebay.Simulation.Replay.Reports;
using Forebay.Simulation.Traces;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Forebay.FunctionalTests.Replay;

public sealed class ReplayRunTests
{
    /// <summary>Ends a test that hangs; none comes near it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly ReplayOrigin Origin = new("1.0", "a machine", []);

    private static TraceRequest[] Trace(int requests) =>
        [.. Enumerable.Range(0, requests).Select(i => new TraceRequest(i * 0.01, 20 + i, 1 + i % 7))];

    private static HttpClient Client() => new(
        new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero }) { Timeout = Timeout.InfiniteTimeSpan };

    private static ReplayOptions Options(Uri url) => new()
    {
        BaseUrl = url,
        ApiKey = "good-key",
        Models = ModelMix.Even(["small", "large"]),
        RunId = 1,
        Speed = 10,
    };

    private static async Task<ReplayReport> RunAsync(
        ReplayOptions options, TraceRequest[] trace, CancellationToken cancel = default)
    {
        using HttpClient http = Client();
        return await new ReplayRun(options, http, TimeProvider.System)
            .ExecuteAsync(trace, TraceSummary.Of("test", trace), Origin, cancel)
            .WaitAsync(Patience, CancellationToken.None);
    }

    [Fact]
    public async Task Every_request_of_the_trace_arrives_as_it_stands_and_every_answer_is_counted()
    {
        await using var server = await ScriptedServer.StartAsync();
        TraceRequest[] trace = Trace(60);

        ReplayReport report = await RunAsync(Options(server.Url), trace);

        Assert.True(report.AllSucceeded);
        Assert.Equal(new RequestCounts(60, 60, 0, 60, 0, 0), report.Requests);
        Assert.Equal(trace.Sum(r => r.InputTokens), report.Tokens.Input);
        Assert.Equal(trace.Sum(r => r.OutputTokens), report.Tokens.Output);
        Assert.Equal(60, report.ScheduleLagMs.Count);
        Assert.Equal(60, report.TimeToFirstTokenMs.Count);
        Assert.Equal(trace.Count(r => r.OutputTokens > 1), report.TimePerOutputTokenMs.Count);
        Assert.True(report.TimeToFirstTokenMs.Max <= report.TotalMs.Max);

        IReadOnlyList<SeenRequest> seen = server.Seen;
        Assert.Equal(
            trace.Select(r => (r.InputTokens * 4, r.OutputTokens)).Order(),
            seen.Select(s => (s.Prompt.Length, s.MaxTokens)).Order());
        Assert.Equal(60, seen.Select(s => s.Prompt[..16]).Distinct().Count());
        Assert.All(seen, s => Assert.Equal($"{s.MaxTokens}", s.Headers["x-emulator-output-tokens"]));
        Assert.All(
            seen.Where(s => s.Path == "messages"),
            s => Assert.Equal(("good-key", "2023-06-01"), (s.Headers["x-api-key"], s.Headers["anthropic-version"])));
        Assert.All(
            seen.Where(s => s.Path == "chat/completions"),
            s => Assert.Equal("Bearer good-key", s.Headers["authorization"]));
    }

    [Fact]
    public async Task Splits_tell_provider_deployment_backing_model_and_dialect()
    {
        await using var server = await ScriptedServer.StartAsync();

        ReplayReport report = await RunAsync(Options(server.Url), Trace(60));

        Assert.Equal(["alpha"], report.Splits["provider"].Select(g => g.Name));
        Assert.Equal(["alpha-large", "alpha-small"], report.Splits["deployment"].Select(g => g.Name));
        Assert.Equal(["emulated"], report.Splits["backing"].Select(g => g.Name));
        Assert.Equal(["large", "small"], report.Splits["model"].Select(g => g.Name));
        Assert.Equal(["anthropic", "openai"], report.Splits["dialect"].Select(g => g.Name));
        Assert.Equal(
            server.Seen.Count(s => s.Path == "messages"), report.Splits["dialect"][0].Requests);
    }

    [Theory]
    [InlineData(ReplayDialect.Anthropic, "messages")]
    [InlineData(ReplayDialect.OpenAi, "chat/completions")]
    public async Task One_dialect_can_be_chosen(ReplayDialect dialect, string path)
    {
        await using var server = await ScriptedServer.StartAsync();

        await RunAsync(Options(server.Url) with { Dialect = dialect }, Trace(10));

        Assert.All(server.Seen, s => Assert.Equal(path, s.Path));
    }

    [Fact]
    public async Task No_request_waits_for_the_answers_of_others()
    {
        await using var server = await ScriptedServer.StartAsync();
        TraceRequest[] trace = Trace(50);
        int arrived = 0;
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Script = async (_, _) =>
        {
            // Nobody is answered before the last request of the trace has arrived.
            if (Interlocked.Increment(ref arrived) == trace.Length)
            {
                all.SetResult();
            }

            await all.Task;
            return false;
        };

        ReplayReport report = await RunAsync(Options(server.Url), trace);

        Assert.True(report.AllSucceeded);
    }

    [Fact]
    public async Task Requests_beyond_the_most_in_flight_are_counted_not_sent_and_never_delayed()
    {
        await using var server = await ScriptedServer.StartAsync();
        var scheduleOver = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Script = async (_, _) =>
        {
            await scheduleOver.Task;
            return false;
        };
        TraceRequest[] trace = Trace(20);
        using HttpClient http = Client();
        var run = new ReplayRun(Options(server.Url) with { MaxInFlight = 5 }, http, TimeProvider.System);

        ReplayReport report = await run
            .ExecuteAsync(ThenSet(trace, scheduleOver), TraceSummary.Of("test", trace), Origin, CancellationToken.None)
            .WaitAsync(Patience, CancellationToken.None);

        Assert.Equal(new RequestCounts(20, 5, 15, 5, 0, 0), report.Requests);
        Assert.False(report.AllSucceeded);
    }

    [Fact]
    public async Task Failures_carry_the_reason_that_the_server_or_the_connection_gave()
    {
        await using var server = await ScriptedServer.StartAsync();
        server.Script = FailByTurn();

        ReplayReport report = await RunAsync(
            Options(server.Url) with { Dialect = ReplayDialect.OpenAi }, Trace(6));

        Assert.Equal(
            [
                ReplayReasons.ConnectionCut, ReplayReasons.EndedEarly, "http_502", ReplayReasons.MalformedAnswer,
                "overloaded", "rate_limit_exceeded",
            ],
            report.Errors.Select(e => e.Reason).Order(StringComparer.Ordinal));
        Assert.All(report.Errors, e => Assert.Equal(1, e.Requests));
        Assert.Equal(429, report.Errors.Single(e => e.Reason == "rate_limit_exceeded").Status);
        Assert.Equal("req_9", report.Errors.Single(e => e.Reason == "rate_limit_exceeded").RequestId);
        Assert.Equal("bad gateway", report.Errors.Single(e => e.Reason == "http_502").Message);
    }

    [Fact]
    public async Task A_server_that_is_not_there_fails_every_request_and_hangs_nothing()
    {
        Uri gone;
        await using (var server = await ScriptedServer.StartAsync())
        {
            gone = server.Url;
        }

        ReplayReport report = await RunAsync(Options(gone), Trace(3));

        Assert.Equal(3, Assert.Single(report.Errors, e => e.Reason == ReplayReasons.ConnectFailed).Requests);
    }

    [Fact]
    public async Task An_answer_that_never_ends_times_out()
    {
        await using var server = await ScriptedServer.StartAsync();
        server.Script = StallForEver;

        ReplayReport report = await RunAsync(
            Options(server.Url) with { RequestTimeout = TimeSpan.FromMilliseconds(50) }, Trace(2));

        Assert.Equal(2, Assert.Single(report.Errors, e => e.Reason == ReplayReasons.TimedOut).Requests);
    }

    [Fact]
    public async Task Stopping_reports_what_was_sent_and_counts_the_unanswered_as_interrupted()
    {
        await using var server = await ScriptedServer.StartAsync();
        using var stop = new CancellationTokenSource();
        int arrived = 0;
        server.Script = async (request, context) =>
        {
            int turn = Interlocked.Increment(ref arrived);
            if (turn == 8)
            {
                await stop.CancelAsync();
            }

            return turn > 4 && await StallForEver(request, context);
        };

        // A day of trace: only the stop ends it.
        TraceRequest[] trace = [.. Trace(8), new TraceRequest(86_400 * 10, 1, 1)];
        ReplayReport report = await RunAsync(Options(server.Url), trace, stop.Token);

        Assert.True(report.Stopped);
        Assert.False(report.AllSucceeded);
        Assert.Equal(8, report.Requests.Due);
        Assert.Equal(8, report.Requests.Sent);
        Assert.Equal(0, report.Requests.Failed);
        Assert.Equal(8, report.Requests.Succeeded + report.Requests.Interrupted);
        Assert.InRange(report.Requests.Interrupted, 4, 8);
    }

    [Fact]
    public async Task A_later_turn_waits_for_the_answer_before_it_and_repeats_it()
    {
        await using var server = await ScriptedServer.StartAsync();
        var ended = new HashSet<string>();
        bool tooEarly = false;
        server.Script = async (request, context) =>
        {
            string opening = request.Prompt[..16];
            if (request.Messages.Count > 1)
            {
                lock (ended)
                {
                    tooEarly |= !ended.Contains($"{opening} {request.Messages.Count - 2}");
                }
            }

            await ScriptedServer.StreamAsync(request, context);
            lock (ended)
            {
                ended.Add($"{opening} {request.Messages.Count}");
            }

            return true;
        };
        TraceRequest[] trace =
        [
            .. Enumerable.Range(0, 10).Select(i => new TraceRequest(i * 0.01, 40, 3)
            {
                LaterTurns = [new TraceRequest(0, 60, 2), new TraceRequest(0, 90, 4) { ThinkSeconds = 0.01 }],
            }),
        ];

        ReplayReport report = await RunAsync(Options(server.Url), trace);

        Assert.True(report.AllSucceeded);
        Assert.False(tooEarly);
        Assert.Equal(new RequestCounts(30, 30, 0, 30, 0, 0), report.Requests);
        Assert.Equal(["1", "2", "3"], report.Splits["turn"].Select(g => g.Name));
        foreach (SeenRequest last in server.Seen.Where(s => s.Messages.Count == 5))
        {
            Assert.Equal(["user", "assistant", "user", "assistant", "user"], last.Messages.Select(m => m.Role));
            Assert.Equal("abc abc abc ", last.Messages[1].Text);
            Assert.Equal("abc abc ", last.Messages[3].Text);
            Assert.Equal(90 * 4, last.Messages.Sum(m => m.Text.Length));
        }

        // Every turn of a conversation speaks to the same model in the same dialect.
        Assert.All(
            server.Seen.GroupBy(s => s.Prompt), c => Assert.Single(c.Select(s => (s.Model, s.Path)).Distinct()));
    }

    [Fact]
    public async Task A_conversation_ends_with_the_turn_that_failed_and_the_rest_is_counted()
    {
        await using var server = await ScriptedServer.StartAsync();
        server.Script = (request, context) =>
        {
            bool fails = request.Messages.Count == 3;
            context.Response.StatusCode = fails ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK;
            return Task.FromResult(fails);
        };
        TraceRequest[] trace =
        [
            new(0, 40, 3)
            {
                LaterTurns = [new(0, 60, 2), new(0, 90, 4), new(0, 120, 4)],
            },
        ];

        ReplayReport report = await RunAsync(Options(server.Url), trace);

        Assert.Equal(new RequestCounts(2, 2, 0, 1, 1, 0) { Abandoned = 2 }, report.Requests);
        Assert.False(report.AllSucceeded);
    }

    [Fact]
    public async Task Models_are_asked_of_the_server_and_a_refusal_says_what_to_check()
    {
        await using var server = await ScriptedServer.StartAsync();
        using HttpClient http = Client();

        ModelMix mix = await ModelMix.FetchAsync(http, server.Url, "good-key", CancellationToken.None);
        HttpRequestException e = await Assert.ThrowsAsync<HttpRequestException>(
            () => ModelMix.FetchAsync(http, server.Url, "bad-key", CancellationToken.None));

        Assert.Equal(["small", "large"], mix.Ids);
        Assert.Contains("answered 401; check the URL and the key", e.Message, StringComparison.Ordinal);
    }

    private static IEnumerable<TraceRequest> ThenSet(TraceRequest[] trace, TaskCompletionSource over)
    {
        foreach (TraceRequest request in trace)
        {
            yield return request;
        }

        over.SetResult();
    }

    private static async Task<bool> StallForEver(SeenRequest request, HttpContext context)
    {
        var aborted = new TaskCompletionSource();
        await using CancellationTokenRegistration registration = context.RequestAborted.Register(aborted.SetResult);
        context.Response.ContentType = "text/event-stream";
        await context.Response.Body.FlushAsync();
        await aborted.Task;
        return true;
    }

    /// <summary>Each request fails in a way of its own.</summary>
    private static Func<SeenRequest, HttpContext, Task<bool>> FailByTurn()
    {
        int turn = -1;
        return async (request, context) =>
        {
            HttpResponse response = context.Response;
            switch (Interlocked.Increment(ref turn))
            {
                case 0:
                    response.StatusCode = 429;
                    response.Headers["x-request-id"] = "req_9";
                    await response.WriteAsync(
                        """{"error":{"type":"tokens","code":"rate_limit_exceeded","message":"slow down"}}""");
                    break;
                case 1:
                    response.StatusCode = 502;
                    await response.WriteAsync("bad gateway\n");
                    break;
                case 2:
                    response.ContentType = "text/event-stream";
                    await response.WriteAsync("data: {\"error\":{\"code\":\"overloaded\",\"message\":\"later\"}}\n\n");
                    break;
                case 3:
                    response.ContentType = "application/json";
                    await response.WriteAsync("{}");
                    break;
                case 4:
                    await ScriptedServer.StreamAsync(request, context, end: false);
                    break;
                default:
                    response.ContentType = "text/event-stream";
                    await response.WriteAsync("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n");
                    await response.Body.FlushAsync();
                    context.Abort();
                    break;
            }

            return true;
        };
    }
}
