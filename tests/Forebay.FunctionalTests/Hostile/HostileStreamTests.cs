using System.Text;
using System.Text.RegularExpressions;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Hostile;

/// <summary>Streams cut, split, decorated and broken in every way: what is whole arrives whole, what is not ends in one
/// error event, and never half an event.</summary>
public sealed partial class HostileStreamTests
{
    private const string Head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

    private static readonly byte[] Fine = RawUpstream.Http(
        "200 OK\r\nContent-Type: application/json", Answers.AnthropicMessage);

    private static readonly string Whole = string.Concat(Answers.AnthropicStream);

    /// <summary>Streams that are right though they look odd.</summary>
    public static TheoryData<string, string> Odd => new()
    {
        { "CRLF", Whole.Replace("\n", "\r\n", StringComparison.Ordinal) },
        { "CR", Whole.Replace('\n', '\r') },
        { "byte order mark", "\uFEFF" + Whole },
        { "comments", ": before\n\n" + Whole.Replace("data:", ": between\ndata:", StringComparison.Ordinal) },
        { "blank lines", "\n\n\n" + Whole.Replace("\n\n", "\n\n\n\n", StringComparison.Ordinal) },
        { "ids and retries", Whole.Replace("data:", "id: 7\nretry: 10\ndata:", StringComparison.Ordinal) },
        { "no space after the colon", Whole.Replace("data: ", "data:", StringComparison.Ordinal) },
        { "after the end", Whole + Answers.AnthropicStream[3] + "data: more\n\n" },
        { "no last blank line", Whole[..^1] },
        { "unknown events", Whole.Replace("event: ping", "event: novelty", StringComparison.Ordinal) },
    };

    /// <summary>Streams that break before anything of theirs may go out.</summary>
    public static TheoryData<string, string> Never => new()
    {
        { "empty", "" },
        { "comments only", ": a\n\n: b\n\n" },
        { "error first", Answers.Named("error", """{"type":"error","error":{"type":"overloaded_error","message":"x"}}""") },
        { "delta first", Answers.AnthropicStream[3] },
        { "stop first", Answers.AnthropicStream[^1] },
        { "no names", Whole.Replace("event: message_start\n", "", StringComparison.Ordinal) },
        { "not JSON", "event: message_start\ndata: {\"type\":\n\n" },
        { "not an object", "event: message_start\ndata: 7\n\n" },
        { "page", "<html>\n\n</html>\n\n" },
        { "NULs", "\0\0\0\0\n\n" },
        { "half an event", Answers.AnthropicStream[0][..50] },
        { "the other dialect", string.Concat(Answers.OpenAiStream(true)) },
    };

    /// <summary>What breaks after the first events, put in place of the fourth.</summary>
    public static TheoryData<string, string> Later => new()
    {
        { "end", "" },
        { "half an event", "event: content_block_delta\ndata: {\"type\":\"content_b" },
        { "not JSON", "event: content_block_delta\ndata: {\"type\":\n\n" },
        { "no name", "data: {\"type\":\"content_block_delta\"}\n\n" },
        { "page", "<html>\n\n" },
        { "DONE", "data: [DONE]\n\n" },
        { "error", Answers.Named("error", """{"type":"error","error":{"type":"api_error","message":"theirs"}}""") },
    };

    private static Func<Stream, CancellationToken, Task> Stream(string events) =>
        (wire, cancel) => wire.WriteAsync(Encoding.UTF8.GetBytes(Head + events), cancel).AsTask();

    [Theory]
    [MemberData(nameof(Odd))]
    public async Task An_odd_but_right_stream_arrives_whole(string name, string events)
    {
        (GatewayHarness gateway, RawUpstream upstream) = await StartAsync(Stream(events));

        (int status, string body) = await AskAsync(gateway);

        Assert.Equal(200, status);
        Assert.Equal(
            EventsOf(Whole).Where(e => !e.Contains("ping", StringComparison.Ordinal)),
            EventsOf(body).Where(e => !e.Contains("ping", StringComparison.Ordinal)));
        Assert.True(UsageOutcome.Completed == Assert.Single(gateway.Journal.Settled).Outcome, name);
        Assert.Equal(new TokenUsage(10, 3, 2, 5), gateway.Journal.Settled[0].Tokens);
        await EndAsync(gateway, upstream);
    }

    [Theory]
    [MemberData(nameof(Never))]
    public async Task A_stream_that_never_begins_is_a_plain_error(string name, string events)
    {
        (GatewayHarness gateway, RawUpstream upstream) = await StartAsync(Stream(events));

        (int status, string body) = await AskAsync(gateway);

        // A comment may have gone out first: then the status is spoken for.
        Assert.True(status is 502 or 529 || (status == 200 && name == "comments only"), $"{name}: {status} {body}");
        Assert.Contains("\"type\":\"error\"", body);
        Assert.Equal(UsageOutcome.Failed, Assert.Single(gateway.Journal.Settled).Outcome);
        await EndAsync(gateway, upstream);
    }

    [Theory]
    [MemberData(nameof(Later))]
    public async Task A_stream_that_breaks_later_ends_in_one_error_event(string name, string events)
    {
        (GatewayHarness gateway, RawUpstream upstream) = await StartAsync(
            Stream(string.Concat(Answers.AnthropicStream.Take(4)) + events));

        (int status, string body) = await AskAsync(gateway);

        Assert.Equal(200, status);
        string[] seen = EventsOf(body);
        Assert.Equal(EventsOf(string.Concat(Answers.AnthropicStream.Take(4))), seen[..^1]);
        Assert.StartsWith("event: error\ndata: {\"type\":\"error\"", seen[^1]);
        Assert.True(!body.Contains("theirs", StringComparison.Ordinal), name);
        UsageRecord usage = Assert.Single(gateway.Journal.Settled);
        Assert.Equal(UsageOutcome.Failed, usage.Outcome);
        Assert.Equal(0, usage.CustomerPriceMicros);
        await EndAsync(gateway, upstream);
    }

    [Fact]
    public async Task A_stream_split_at_every_byte_arrives_whole()
    {
        (GatewayHarness gateway, RawUpstream upstream) = await StartAsync(async (wire, cancel) =>
        {
            await wire.WriteAsync(Encoding.UTF8.GetBytes(Head), cancel);
            foreach (byte one in Encoding.UTF8.GetBytes(Whole.Replace("Hello", "Hé☕😀", StringComparison.Ordinal)))
            {
                await wire.WriteAsync(new[] { one }, cancel);
                await wire.FlushAsync(cancel);
            }
        });

        (_, string body) = await AskAsync(gateway);

        Assert.Equal(
            Whole.Replace("Hello", "Hé☕😀", StringComparison.Ordinal)
                .Replace("upstream-model", GatewayHarness.Model, StringComparison.Ordinal),
            body);
        await EndAsync(gateway, upstream);
    }

    [Fact]
    public async Task A_second_message_start_is_passed_on_and_its_counts_hold()
    {
        string again = Answers.AnthropicStream[0].Replace(
            "\"input_tokens\":10", "\"input_tokens\":20", StringComparison.Ordinal);
        (GatewayHarness gateway, RawUpstream upstream) = await StartAsync(
            Stream(Answers.AnthropicStream[0] + again + string.Concat(Answers.AnthropicStream.Skip(1))));

        (_, string body) = await AskAsync(gateway);

        Assert.Equal(9, EventsOf(body).Length);
        Assert.DoesNotContain("upstream-model", body);
        Assert.Equal(20, Assert.Single(gateway.Journal.Settled).Tokens.Input);
        await EndAsync(gateway, upstream);
    }

    [Fact]
    public async Task An_event_of_ten_megabytes_passes()
    {
        string big = new('a', 10 * 1024 * 1024);
        (GatewayHarness gateway, RawUpstream upstream) = await StartAsync(
            Stream(Whole.Replace("Hello", big, StringComparison.Ordinal)));

        (_, string body) = await AskAsync(gateway);

        Assert.Contains(big, body);
        Assert.Contains("message_stop", body);
        await EndAsync(gateway, upstream);
    }

    [Fact]
    public async Task A_line_without_end_is_given_up()
    {
        (GatewayHarness gateway, RawUpstream upstream) = await StartAsync(async (wire, cancel) =>
        {
            await wire.WriteAsync(Encoding.UTF8.GetBytes(Head + Answers.AnthropicStream[0] + "data: "), cancel);
            byte[] more = Encoding.UTF8.GetBytes(new string('a', 64 * 1024));
            while (true)
            {
                await wire.WriteAsync(more, cancel);
            }
        });

        (_, string body) = await AskAsync(gateway);

        Assert.StartsWith("event: error\n", EventsOf(body)[^1]);
        await EndAsync(gateway, upstream);
    }

    [Theory]
    [InlineData(0, 504)]
    [InlineData(4, 200)]
    public async Task A_stream_that_never_ends_is_timed_out(int events, int expected)
    {
        (GatewayHarness gateway, RawUpstream upstream) = await StartAsync(async (wire, cancel) =>
        {
            await wire.WriteAsync(
                Encoding.UTF8.GetBytes(Head + string.Concat(Answers.AnthropicStream.Take(events))), cancel);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancel);
        }, idleSeconds: 0.5);

        (int status, string body) = await AskAsync(gateway);

        Assert.Equal(expected, status);
        Assert.Contains("timeout_error", body);
        await EndAsync(gateway, upstream);
    }

    private static async Task<(GatewayHarness Gateway, RawUpstream Upstream)> StartAsync(
        Func<Stream, CancellationToken, Task> answer, double idleSeconds = 20)
    {
        RawUpstream upstream = RawUpstream.Start(answer);
        GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], c => c with
        {
            Deployments =
            [
                c.Deployments[0] with
                {
                    Timeouts = c.Deployments[0].Timeouts with
                    {
                        FirstByteSeconds = idleSeconds, IdleSeconds = idleSeconds,
                    },
                },
            ],
        });
        return (gateway, upstream);
    }

    private static async Task<(int Status, string Body)> AskAsync(GatewayHarness gateway)
    {
        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: true)));
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    private static async Task EndAsync(GatewayHarness gateway, RawUpstream upstream)
    {
        upstream.Answer = (wire, cancel) => wire.WriteAsync(Fine, cancel).AsTask();
        await GatewayHealth.ServesAsync(gateway);
        await gateway.DisposeAsync();
        await upstream.DisposeAsync();
    }

    /// <summary>Events as a client sees them: name and data, whatever ends the lines.</summary>
    private static string[] EventsOf(string body) =>
    [
        .. Event().Matches(body.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n') + "\n")
            .Select(m => $"event: {m.Groups["name"].Value}\ndata: {m.Groups["data"].Value}"
                .Replace("upstream-model", GatewayHarness.Model, StringComparison.Ordinal)),
    ];

    [GeneratedRegex(@"event: ?(?<name>\w+)\n(?:[^d\n].*\n)*data: ?(?<data>.*)\n\n")]
    private static partial Regex Event();
}
