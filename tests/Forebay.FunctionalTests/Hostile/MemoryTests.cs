using System.Text;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Hostile;

/// <summary>One budget for all that requests make the gateway hold: what comes in and what goes out.</summary>
public sealed class MemoryTests
{
    private const int BudgetBytes = 8 * 1024 * 1024;
    private const int RequestBytes = 1024 * 1024;

    [Fact]
    public async Task Bodies_past_the_budget_are_refused_while_others_are_held()
    {
        long peak = 0;
        GatewayHarness? gateway = null;
        using var go = new SemaphoreSlim(0);
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(async (http, _) =>
        {
            Raise(ref peak, gateway!.Server.MemoryUsedBytes);
            await go.WaitAsync();
            await ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage);
        });
        await using GatewayHarness started = gateway = await StartAsync(upstream);
        string body = GatewayHarness.MessagesBody(false).Replace(
            "\"Hi\"", "\"Hi\",\"padding\":\"" + new string('a', RequestBytes) + "\"", StringComparison.Ordinal);

        Task<string>[] calls = [.. Enumerable.Range(0, 40).Select(_ => SendAsync(gateway, body))];
        int refused = 0;
        await foreach (Task<string> call in Task.WhenEach(calls))
        {
            Raise(ref peak, gateway.Server.MemoryUsedBytes);
            if (await call == "memory_budget" && ++refused == 1)
            {
                // One is turned away while others hold what there is: now they may go on.
                go.Release(calls.Length);
            }
        }

        string[] outcomes = await Task.WhenAll(calls);
        Assert.All(outcomes, o => Assert.True(o is "200" or "memory_budget", o));
        Assert.Contains("200", outcomes);
        // The pool rounds what it lends up to a power of two.
        Assert.InRange(peak, RequestBytes, 2L * BudgetBytes);
        await GatewayHealth.ServesAsync(gateway);
    }

    [Fact]
    public async Task Streams_past_the_budget_end_with_an_error_and_give_all_back()
    {
        string[] events =
        [
            .. Answers.AnthropicStream.Take(3),
            .. Enumerable.Repeat(Answers.AnthropicStream[3].Replace(
                "Hello", new string('a', RequestBytes), StringComparison.Ordinal), 4),
            .. Answers.AnthropicStream.Skip(4),
        ];
        long peak = 0;
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.StreamAsync(http, events));
        await using GatewayHarness gateway = await StartAsync(upstream);

        string[] outcomes = await Task.WhenAll(Enumerable.Range(0, 24).Select(async _ =>
        {
            using HttpResponseMessage response = await gateway.Client.SendAsync(
                GatewayHarness.Messages(GatewayHarness.MessagesBody(true)), HttpCompletionOption.ResponseHeadersRead);
            Raise(ref peak, gateway.Server.MemoryUsedBytes);
            string text = await response.Content.ReadAsStringAsync();
            return text.EndsWith(events[^1], StringComparison.Ordinal) ? "whole"
                : text.Contains("overloaded_error", StringComparison.Ordinal) ? "overloaded"
                : Encoding.UTF8.GetByteCount(text) + " bytes";
        }));

        Assert.All(outcomes, o => Assert.True(o is "whole" or "overloaded", o));
        Assert.InRange(peak, 1, 2L * BudgetBytes);
        await GatewayHealth.IsIdleAsync(gateway);
        Assert.Equal(0, gateway.State.Of(gateway.State.Model.Deployments[0]).Failed);
    }

    private static Task<GatewayHarness> StartAsync(ScriptedUpstream upstream) => GatewayHarness.StartAsync(
        [upstream.Address],
        c => c with
        {
            Models = [c.Models[0] with { ContextTokens = 10_000_000 }],
            Server = c.Server with
            {
                Gateway = c.Server.Gateway with { MemoryBudgetBytes = BudgetBytes, MaxBodyBytes = 2 * RequestBytes },
            },
        });

    private static async Task<string> SendAsync(GatewayHarness gateway, string body)
    {
        using HttpResponseMessage response = await gateway.Client.SendAsync(GatewayHarness.Messages(body));
        return response.Headers.TryGetValues("x-forebay-reason", out IEnumerable<string>? reason)
            ? reason.Single()
            : $"{(int)response.StatusCode}";
    }

    private static void Raise(ref long peak, long seen)
    {
        long known = Volatile.Read(ref peak);
        while (seen > known)
        {
            long found = Interlocked.CompareExchange(ref peak, seen, known);
            known = found == known ? seen : found;
        }
    }
}
