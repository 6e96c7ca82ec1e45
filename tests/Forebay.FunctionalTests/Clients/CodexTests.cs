using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Forebay.Core.Serving;
using Forebay.FunctionalTests.Gateway;
using Forebay.Gateway.Bodies;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Clients;

/// <summary>Requests as Codex sends them: a stream that stores nothing, encrypted reasoning, tools in namespaces, bodies
/// in zstd, headers of its own.</summary>
public sealed class CodexTests
{
    private const string Body =
        """{"model":"atlas","instructions":"You are a coding agent.","input":[{"type":"message","role":"developer","content":[{"type":"input_text","text":"<permissions>"}]},{"type":"message","role":"user","content":[{"type":"input_text","text":"List the files"}]}],"tools":[{"type":"function","name":"shell","description":"Runs a command","strict":false,"parameters":{"type":"object","properties":{"command":{"type":"array","items":{"type":"string"}}},"required":["command"]}},{"type":"namespace","name":"mcp__fs","description":"Files","tools":[{"type":"function","name":"list","description":"Lists","strict":false,"parameters":{"type":"object","properties":{}}}]}],"tool_choice":"auto","parallel_tool_calls":true,"reasoning":{"effort":"medium","summary":"auto"},"store":false,"stream":true,"include":["reasoning.encrypted_content"],"prompt_cache_key":"0199","client_metadata":{"x":"y"}}""";

    private static readonly string[] Calls =
    [
        Answers.Named("message_start", """{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"u","content":[],"stop_reason":null,"usage":{"input_tokens":10,"output_tokens":1}}}"""),
        Answers.Named("content_block_start", """{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"mcp__fs__list","input":{}}}"""),
        Answers.Named("content_block_stop", """{"type":"content_block_stop","index":0}"""),
        Answers.Named("message_delta", """{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}"""),
        Answers.Named("message_stop", """{"type":"message_stop"}"""),
    ];

    private static HttpRequestMessage Request(bool compressed)
    {
        HttpRequestMessage request = ResponsesClientTests.Raw(Body);
        request.Headers.Add("originator", "codex_cli_rs");
        request.Headers.Add("session-id", "0199");
        if (compressed)
        {
            request.Content = new ByteArrayContent(Stored(Encoding.UTF8.GetBytes(Body)));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            request.Content.Headers.ContentEncoding.Add("zstd");
        }

        return request;
    }

    /// <summary>A zstd frame of one block that is not compressed (RFC 8878): any decoder reads it.</summary>
    private static byte[] Stored(byte[] content)
    {
        Assert.InRange(content.Length, 256, 65_000);
        int size = content.Length - 256;
        int block = content.Length << 3 | 1;
        return
        [
            0x28, 0xB5, 0x2F, 0xFD, 0x60, (byte)size, (byte)(size >> 8),
            (byte)block, (byte)(block >> 8), (byte)(block >> 16), .. content,
        ];
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task It_passes_through_to_an_upstream_that_speaks_the_dialect(bool compressed)
    {
        if (compressed && !ZstdStream.IsAvailable)
        {
            Assert.Skip("needs libzstd.so.1; it is not installed here");
        }

        await using ScriptedUpstream upstream = await ResponsesClientTests.UpstreamAsync();
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address], ResponsesClientTests.Speaking(Dialect.Responses));

        using HttpRequestMessage request = Request(compressed);
        using HttpResponseMessage response = await gateway.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("event: response.completed", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        ReceivedRequest received = Assert.Single(upstream.Requests);
        Assert.Equal(Body.Replace("\"atlas\"", "\"upstream-model\"", StringComparison.Ordinal), received.Text);
        Assert.Equal("codex_cli_rs", received.Headers["originator"]);
    }

    [Fact]
    public async Task Its_tools_in_namespaces_work_with_an_Anthropic_upstream()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.StreamAsync(http, Calls));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address], ResponsesClientTests.Speaking(Dialect.Anthropic));

        using HttpRequestMessage request = Request(compressed: false);
        using HttpResponseMessage response = await gateway.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        string last = (await response.Content.ReadAsStringAsync()).Split("data: ")[^1];
        JsonNode call = JsonNode.Parse(last)!["response"]!["output"]![0]!;
        Assert.Equal(("function_call", "mcp__fs", "list", "toolu_1", "{}"), (
            call["type"]!.GetValue<string>(),
            call["namespace"]!.GetValue<string>(),
            call["name"]!.GetValue<string>(),
            call["call_id"]!.GetValue<string>(),
            call["arguments"]!.GetValue<string>()));
        JsonNode sent = JsonNode.Parse(Assert.Single(upstream.Requests).Text)!;
        Assert.Equal(
            ["shell", "mcp__fs__list"], sent["tools"]!.AsArray().Select(t => t!["name"]!.GetValue<string>()));
        Assert.Equal(
            "metadata, prompt_cache_key, reasoning_effort",
            string.Join(", ", response.Headers.GetValues("x-forebay-dropped").Single().Split(", ").Order()));
    }
}
