using System.Net;
using System.Text;
using System.Text.Json;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Hostile;

/// <summary>Bodies that no client should send: each gets a precise error in the dialect's envelope, and nothing of
/// it goes further.</summary>
public sealed class HostileBodyTests : IAsyncLifetime
{
    private ScriptedUpstream _upstream = null!;
    private GatewayHarness _gateway = null!;

    public static TheoryData<string> Malformed =>
    [
        "", " ", "{", "}", "[", "null", "true", "7", "\"text\"", "[]", "{}", "{]", "{\"model\"}", "{\"model\":}",
        "{\"model\":\"atlas\"", "{'model':'atlas'}", "{model:1}", "{\"model\":\"atlas\",}", "{\"model\":\"atlas\"}{}",
        "{\"model\":\"atlas\"}x", "{\"model\":\"at\nlas\"}", "{\"model\":\"\\x\"}", "{\"model\":\"\\ud800\"}",
        "{\"model\":NaN}", "{\"model\":01}", "{\"model\":1e}", "{\"model\":.5}", "{\"model\":+1}", "/*c*/{}",
        Body("\"max_tokens\":1e99"), Body("\"max_tokens\":-1"), Body("\"max_tokens\":1.5"), Body("\"max_tokens\":\"1\""),
        Body("\"max_tokens\":null"), Body("\"max_tokens\":[]"), Body("\"max_tokens\":99999999999999999999"),
        Body("\"max_tokens\":5,\"stream\":\"yes\""), Body("\"max_tokens\":5,\"stream\":1"),
        Body("\"max_tokens\":5,\"tools\":{}"), Body("\"max_tokens\":5,\"tools\":\"all\""),
        Body("\"max_tokens\":5,\"system\":7"), Body("\"max_tokens\":5,\"metadata\":[]"),
        Body("\"max_tokens\":5,\"max_tokens\":6"), Body("\"max_tokens\":5,\"model\":\"atlas\""),
        Body("\"max_tokens\":5,\"stream\":true,\"stream\":false"),
        Body("\"max_tokens\":5,\"\\u006dodel\":\"another\""),
        Turns("null"), Turns("{}"), Turns("\"hi\""), Turns("[]"), Turns("[7]"), Turns("[[]]"), Turns("[null]"),
        Turns("[{\"role\":7,\"content\":\"x\"}]"), Turns("[{\"role\":\"user\",\"content\":7}]"),
        "{\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
        "{\"model\":7,\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
        "{\"model\":\"\",\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
        $"{{\"model\":\"{new string('m', 300)}\",\"max_tokens\":5,\"messages\":[]}}",
        Turns($"[{{\"role\":\"user\",\"content\":{new string('[', 100)}{new string(']', 100)}}}]"),
        Body($"\"max_tokens\":5,\"x\":{new string('[', 100_000)}"),
        Body($"\"max_tokens\":5,\"x\":{string.Concat(Enumerable.Repeat("{\"a\":", 10_000))}"),
    ];

    public async ValueTask InitializeAsync()
    {
        _upstream = await ScriptedUpstream.StartAsync((http, request) => ScriptedUpstream.JsonAsync(
            http, 200, request.Path == "/v1/messages" ? Answers.AnthropicMessage : Answers.OpenAiCompletion));
        _gateway = await GatewayHarness.StartAsync([_upstream.Address]);
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task A_malformed_body_is_refused_in_words(string body)
    {
        using HttpResponseMessage response = await _gateway.Client.SendAsync(GatewayHarness.Messages(body));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        await IsEnvelopeAsync(response);
        Assert.Equal("bad_request", response.Headers.GetValues("x-forebay-reason").Single());
        Assert.Empty(_upstream.Requests);
        await GatewayHealth.ServesAsync(_gateway);
    }

    [Theory]
    [InlineData(new byte[] { 0xFF, 0xFE, 0x7B, 0x00 })]
    [InlineData(new byte[] { 0x7B, 0x22, 0xC3, 0x22, 0x7D })]
    [InlineData(new byte[] { 0x7B, 0x22, 0xED, 0xA0, 0x80, 0x22, 0x3A, 0x31, 0x7D })]
    [InlineData(new byte[] { 0x7B, 0x22, 0xC0, 0xAF, 0x22, 0x3A, 0x31, 0x7D })]
    [InlineData(new byte[] { 0x00 })]
    public async Task Bytes_that_are_not_utf8_are_refused(byte[] body)
    {
        HttpRequestMessage request = GatewayHarness.Messages("");
        request.Content = new ByteArrayContent(body);

        using HttpResponseMessage response = await _gateway.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        await IsEnvelopeAsync(response);
        await GatewayHealth.ServesAsync(_gateway);
    }

    /// <summary>All else about the body is right.</summary>
    [Theory]
    [InlineData(new byte[] { 0xFF })]
    [InlineData(new byte[] { 0xC3 })]
    [InlineData(new byte[] { 0xC0, 0xAF })]
    [InlineData(new byte[] { 0xED, 0xA0, 0x80 })]
    [InlineData(new byte[] { 0xF4, 0x90, 0x80, 0x80 })]
    public async Task A_prompt_that_is_not_utf8_is_refused(byte[] bytes)
    {
        string[] parts = GatewayHarness.MessagesBody(false).Split("Hi");
        HttpRequestMessage request = GatewayHarness.Messages("");
        request.Content = new ByteArrayContent(
            [.. Encoding.UTF8.GetBytes(parts[0]), .. bytes, .. Encoding.UTF8.GetBytes(parts[1])]);

        using HttpResponseMessage response = await _gateway.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        await IsEnvelopeAsync(response);
        Assert.Empty(_upstream.Requests);
        await GatewayHealth.ServesAsync(_gateway);
    }

    /// <summary>Either the gateway refuses it, or it is JSON that names our model: never anything in between.</summary>
    [Fact]
    public async Task Two_thousand_damaged_bodies_are_served_or_refused_and_never_passed_on_broken()
    {
        var random = new Random(20261122);
        byte[] good = Encoding.UTF8.GetBytes(GatewayHarness.MessagesBody(
            false, ""","system":[{"type":"text","text":"é"}],"metadata":{"user_id":"u"},"tools":[{"name":"t"}]"""));
        int served = 0;
        for (int i = 0; i < 2000; i++)
        {
            HttpRequestMessage request = GatewayHarness.Messages("");
            request.Content = new ByteArrayContent(Damage(good, random));
            request.Content.Headers.ContentType = new("application/json");
            using HttpResponseMessage response = await _gateway.Client.SendAsync(request);
            if (response.StatusCode == HttpStatusCode.OK)
            {
                served++;
                continue;
            }

            Assert.True(response.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.NotFound,
                $"case {i}: {response.StatusCode}");
            await IsEnvelopeAsync(response);
        }

        await GatewayHealth.ServesAsync(_gateway);
        Assert.InRange(served, 20, 1980);
        Assert.Equal(served + 1, _upstream.Requests.Count);
        Assert.Equal(served + 1, _gateway.Journal.Settled.Count);
        foreach (ReceivedRequest sent in _upstream.Requests)
        {
            using var body = JsonDocument.Parse(sent.Body);
            Assert.Equal("upstream-model", body.RootElement.GetProperty("model").GetString());
        }
    }

    private static string Body(string members) =>
        $$"""{"model":"atlas",{{members}},"messages":[{"role":"user","content":"x"}]}""";

    private static string Turns(string messages) =>
        $$"""{"model":"atlas","max_tokens":5,"messages":{{messages}}}""";

    private static byte[] Damage(byte[] good, Random random)
    {
        var bytes = new List<byte>(good);
        for (int edits = random.Next(1, 4); edits > 0; edits--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(4))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveRange(at, Math.Min(random.Next(1, 9), bytes.Count - at));
                    break;
                case 2:
                    bytes.Insert(at, "\"\\{}[],:0-eu\n"u8[random.Next(13)]);
                    break;
                default:
                    bytes.InsertRange(at, bytes.GetRange(at, Math.Min(8, bytes.Count - at)));
                    break;
            }
        }

        return [.. bytes];
    }

    private static async Task IsEnvelopeAsync(HttpResponseMessage response)
    {
        using var body = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync());
        Assert.Equal("error", body.RootElement.GetProperty("type").GetString());
        Assert.NotEmpty(body.RootElement.GetProperty("error").GetProperty("message").GetString()!);
        Assert.StartsWith("req_", body.RootElement.GetProperty("request_id").GetString());
    }
}
