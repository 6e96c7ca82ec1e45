using Forebay.Core.Errors;
using Forebay.Core.Usage;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>Streams over real sockets: nothing is held back, silence is filled, an abort reaches the
/// upstream.</summary>
public sealed class StreamTests
{
    [Fact]
    public async Task Each_event_arrives_before_the_next_one_is_sent()
    {
        using var go = new SemaphoreSlim(0);
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(async (http, _) =>
        {
            foreach (string one in Answers.AnthropicStream)
            {
                await ScriptedUpstream.StreamAsync(http, [one]);
                await go.WaitAsync();
            }
        });
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(true)), HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        foreach (string expected in Answers.AnthropicStream)
        {
            string name = (await reader.ReadLineAsync())!;
            Assert.Equal(expected.Split('\n')[0], name);
            await reader.ReadLineAsync();
            await reader.ReadLineAsync();
            go.Release();
        }

        Assert.Null(await reader.ReadLineAsync());
    }

    [Fact]
    public async Task A_last_event_without_its_blank_line_is_a_last_event()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, _) =>
            ScriptedUpstream.StreamAsync(http, [string.Concat(Answers.OpenAiStream(true)).TrimEnd('\n')]));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Chat(GatewayHarness.ChatBody(true)));

        Assert.EndsWith("data: [DONE]\n\n", await response.Content.ReadAsStringAsync());
        Assert.Equal(UsageOutcome.Completed, Assert.Single(gateway.Journal.Settled).Outcome);
    }

    [Fact]
    public async Task The_usage_record_is_written_before_the_last_event_goes_out()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(true)), HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        string? line;
        while ((line = await reader.ReadLineAsync()) != "event: message_stop")
        {
            Assert.NotNull(line);
        }

        Assert.Single(gateway.Journal.Settled);
    }

    [Fact]
    public async Task Silence_is_filled_with_comments_before_the_first_event_and_pings_after_it()
    {
        using var go = new SemaphoreSlim(0);
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(async (http, _) =>
        {
            await go.WaitAsync();
            await ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream.Take(1));
            await go.WaitAsync();
            await ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream.Skip(1));
        });
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address],
            c => c with { Server = c.Server with { Gateway = c.Server.Gateway with { KeepAliveSeconds = 0.05 } } });

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(true)), HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.StartsWith(":", await reader.ReadLineAsync());
        go.Release();
        string? line;
        while ((line = await reader.ReadLineAsync()) != "event: message_start")
        {
            Assert.NotNull(line);
        }

        await reader.ReadLineAsync();
        await reader.ReadLineAsync();
        Assert.Equal("event: ping", await reader.ReadLineAsync());
        go.Release();
        Assert.Contains("message_stop", await reader.ReadToEndAsync());
        Assert.Equal(UsageOutcome.Completed, Assert.Single(gateway.Journal.Settled).Outcome);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_abort_reaches_the_upstream_and_what_was_produced_is_metered(bool stream)
    {
        var received = new TaskCompletionSource<ReceivedRequest>();
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(async (http, request) =>
        {
            if (stream)
            {
                await ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream.Take(5));
            }

            received.TrySetResult(request);
            await request.Aborted;
        });
        // No time-out of the upstream's may do what the client's departure must.
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], c => c with
        {
            Deployments =
            [
                c.Deployments[0] with
                {
                    Timeouts = c.Deployments[0].Timeouts with
                    {
                        FirstByteSeconds = 600, IdleSeconds = 600, TotalSeconds = 600,
                    },
                },
            ],
        });
        using var abort = new CancellationTokenSource();

        Task<HttpResponseMessage> call = gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream)),
            HttpCompletionOption.ResponseHeadersRead,
            abort.Token);
        ReceivedRequest sent = await received.Task;
        if (stream)
        {
            using HttpResponseMessage response = await call;
            await using Stream body = await response.Content.ReadAsStreamAsync();
            await body.ReadExactlyAsync(new byte[string.Concat(Answers.AnthropicStream.Take(5)).Length]);
            await abort.CancelAsync();
            response.Dispose();
        }
        else
        {
            await abort.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        }

        await sent.Aborted.WaitAsync(TimeSpan.FromSeconds(20));
        UsageRecord usage = await gateway.Journal.NextAsync();
        Assert.Equal(UsageOutcome.ClientGone, usage.Outcome);
        Assert.Equal(Reason.ClientGone, usage.Reason);
        // Before the first event nobody has counted: the prompt is estimated, since the engine read it all the same.
        Assert.Equal(stream ? 10 : 1, usage.Tokens.Input);
        Assert.True(usage.Estimated);
        Assert.True(usage.CustomerPriceMicros > 0);
    }

    [Fact]
    public async Task An_upstream_that_says_nothing_is_given_up_and_tried_elsewhere()
    {
        await using ScriptedUpstream silent = await ScriptedUpstream.StartAsync(async (_, request) => await request.Aborted);
        await using ScriptedUpstream good = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.StreamAsync(http, Answers.OpenAiStream(true)));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [silent.Address, good.Address],
            c => c with
            {
                Deployments =
                [
                    .. c.Deployments.Select(d => d with { Timeouts = d.Timeouts with { FirstByteSeconds = 0.2 } }),
                ],
            });

        // Ties are broken by request number: go on until one has met the silent upstream.
        while (silent.Requests.Count == 0)
        {
            using HttpResponseMessage response = await gateway.Client.SendAsync(
                GatewayHarness.Chat(GatewayHarness.ChatBody(true)));
            Assert.EndsWith("data: [DONE]\n\n", await response.Content.ReadAsStringAsync());
        }

        Assert.All(gateway.Journal.Settled, u => Assert.Equal(UsageOutcome.Completed, u.Outcome));
    }

    [Fact]
    public async Task Waiting_for_a_place_is_bounded_and_a_freed_place_is_taken()
    {
        using var go = new SemaphoreSlim(0);
        using var arrived = new SemaphoreSlim(0);
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(async (http, _) =>
        {
            arrived.Release();
            await go.WaitAsync();
            await ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage);
        });
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], c => c with
        {
            Deployments = [c.Deployments[0] with { MaxConcurrency = 1 }],
            Server = c.Server with { Gateway = c.Server.Gateway with { MaxWaiting = 1 } },
        });

        Task<HttpResponseMessage> first = SendAsync(gateway);
        await arrived.WaitAsync();
        Task<HttpResponseMessage> second = SendAsync(gateway);
        while (gateway.State.Waiting == 0)
        {
            await Task.Yield();
        }

        using HttpResponseMessage third = await SendAsync(gateway);
        Assert.Equal(529, (int)third.StatusCode);
        Assert.Equal("overloaded", third.Headers.GetValues("x-forebay-reason").Single());
        Assert.True(third.Headers.RetryAfter!.Delta!.Value >= TimeSpan.FromSeconds(1));

        go.Release(2);
        Assert.Equal(200, (int)(await first).StatusCode);
        Assert.Equal(200, (int)(await second).StatusCode);
        Assert.Equal(0, gateway.State.Waiting);
    }

    [Fact]
    public async Task Draining_turns_new_requests_away_finishes_old_ones_and_cuts_the_rest_with_a_retriable_error()
    {
        using var go = new SemaphoreSlim(0);
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(async (http, request) =>
        {
            await ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream.Take(4));
            await request.Aborted;
        });
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);
        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(true)), HttpCompletionOption.ResponseHeadersRead);
        gateway.State.Draining = true;

        using HttpResponseMessage refused = await SendAsync(gateway);
        Assert.Equal(529, (int)refused.StatusCode);
        Assert.Equal("draining", refused.Headers.GetValues("x-forebay-reason").Single());

        Task stop = gateway.Server.StopAsync(TimeSpan.FromMilliseconds(50), CancellationToken.None);
        string body = await response.Content.ReadAsStringAsync();
        await stop;
        Assert.Contains("event: error\n", body);
        Assert.Contains("overloaded_error", body);
        Assert.Equal(Reason.Draining, Assert.Single(gateway.Journal.Settled).Reason);
    }

    private static Task<HttpResponseMessage> SendAsync(GatewayHarness gateway) =>
        gateway.Client.SendAsync(GatewayHarness.Messages(GatewayHarness.MessagesBody(false)));
}
