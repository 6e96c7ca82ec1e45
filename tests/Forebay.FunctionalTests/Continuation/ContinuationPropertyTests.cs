using System.Text;
using System.Text.Json;
using Forebay.Core.Serving;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Continuation;

/// <summary>Streams cut at any byte over real sockets, up to twice, of texts with everything in them: the client reads
/// each text whole and once, or an error event where it was cut within a character.</summary>
public sealed class ContinuationPropertyTests
{
    private const int Seeds = 150;
    private const int SeedsPerGateway = 2;

    private const string Never = "x-test-never";

    [Theory]
    [InlineData(Dialect.Anthropic)]
    [InlineData(Dialect.OpenAi)]
    public async Task Whatever_is_cut_wherever_is_read_whole_and_once(Dialect dialect)
    {
        await using ScriptedUpstream first = await StartAsync(dialect, cuts: true, 1);
        await using ScriptedUpstream second = await StartAsync(dialect, cuts: true, 2);
        await using ScriptedUpstream third = await StartAsync(dialect, cuts: false, 3);
        int continued = 0;
        for (int seed = 0; seed < Seeds; seed += SeedsPerGateway)
        {
            continued += await RunAsync(dialect, seed, [first.Address, second.Address, third.Address]);
        }

        Assert.InRange(continued, Seeds / 4, Seeds);
    }

    /// <summary>A gateway of its own for few requests: what is cut often enough is out of use for a while.</summary>
    private static async Task<int> RunAsync(Dialect dialect, int from, Uri[] upstreams)
    {
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            upstreams,
            c => ContinuationFixture.InOrder(
                c with { Models = [c.Models[0] with { Continuation = ContinuationManner.AssistantPrefill }] }));
        for (int seed = from; seed < from + SeedsPerGateway; seed++)
        {
            using HttpRequestMessage request = Request(dialect, seed);
            using HttpResponseMessage response = await gateway.Client.SendAsync(
                request, HttpCompletionOption.ResponseHeadersRead);
            string text = await TextAsync(response, seed);

            Assert.True(text == UnicodeModel.TextOf(seed), $"seed {seed}: {text} is not {UnicodeModel.TextOf(seed)}");
            UsageRecord record = gateway.Journal.Settled[^1];
            Assert.True(record.Outcome == UsageOutcome.Completed, $"seed {seed}: {record.Outcome} {record.Reason}");
        }

        Assert.Equal(SeedsPerGateway, gateway.Journal.Settled.Count);
        return gateway.Journal.Settled.Count(r => r.Attempts > 1);
    }

    private static HttpRequestMessage Request(Dialect dialect, int seed)
    {
        string body = $$"""{"model":"{{GatewayHarness.Model}}","max_tokens":9000,"stream":true,"messages":[{"role":"user","content":"{{seed}}"}]}""";
        return dialect == Dialect.Anthropic ? GatewayHarness.Messages(body) : GatewayHarness.Chat(body);
    }

    /// <summary>Answers by the seed in the user's message, from where the last message leaves off.</summary>
    private static Task<ScriptedUpstream> StartAsync(Dialect dialect, bool cuts, int salt) =>
        ScriptedUpstream.StartAsync(async (http, received) =>
        {
            using JsonDocument request = JsonDocument.Parse(received.Body);
            int seed = int.Parse(request.RootElement.GetProperty("messages")[0].GetProperty("content").GetString()!);
            string begun = UnicodeModel.BegunIn(received.Body) ?? "";
            string text = UnicodeModel.TextOf(seed);
            if (!text.StartsWith(begun, StringComparison.Ordinal) || (begun.Length > 0 && char.IsWhiteSpace(begun[^1])))
            {
                await ScriptedUpstream.JsonAsync(http, 400, $$$"""{"error":{"message":"{{{Never}}}"}}""");
                return;
            }

            var chance = new Random(seed * 31 + salt);
            byte[] stream = [.. UnicodeModel.Stream(
                dialect == Dialect.Anthropic, text[begun.Length..], 100, chance, splitsCharacters: false).SelectMany(e => e)];
            http.Response.ContentType = "text/event-stream";
            int length = cuts && chance.Next(4) > 0 ? chance.Next(stream.Length) : stream.Length;
            for (int at = 0; at < length;)
            {
                int piece = Math.Min(length - at, chance.Next(1, 400));
                await http.Response.Body.WriteAsync(stream.AsMemory(at, piece));
                await http.Response.Body.FlushAsync();
                at += piece;
            }

            if (length < stream.Length && chance.Next(2) == 0)
            {
                http.Abort();
            }
        });

    private static async Task<string> TextAsync(HttpResponseMessage response, int seed)
    {
        // Pieces of text may end within a pair of surrogates: they are put together as JSON before they are read.
        string raw = await response.Content.ReadAsStringAsync();
        Assert.False(raw.Contains(Never, StringComparison.Ordinal), $"seed {seed}: {raw}");
        var text = new StringBuilder();
        foreach (string line in raw.Split('\n').Where(l => l.StartsWith("data: {", StringComparison.Ordinal)))
        {
            using JsonDocument data = JsonDocument.Parse(line[6..]);
            if (data.RootElement.TryGetProperty("error", out _))
            {
                Assert.Fail($"seed {seed}: {line}");
            }

            text.Append(TextOf(data.RootElement));
        }

        return text.ToString();
    }

    private static string? TextOf(JsonElement data) =>
        data.TryGetProperty("choices", out JsonElement choices)
            ? choices.GetArrayLength() > 0 && choices[0].GetProperty("delta").TryGetProperty("content", out JsonElement content)
                ? content.GetString()
                : null
            : data.TryGetProperty("delta", out JsonElement delta) && delta.TryGetProperty("text", out JsonElement text)
                ? text.GetString()
                : null;
}
