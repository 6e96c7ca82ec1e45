using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>What a conversation needs to go on must come back exactly as the provider said it: signatures, encrypted
/// thinking, tool calls and why the answer ended.</summary>
public sealed class FidelityTests
{
    private const string Whole =
        """{"id":"msg_02","type":"message","role":"assistant","model":"upstream-model","content":[{"type":"thinking","thinking":"Let me see.","signature":"EqQBCkYIARgCKkAx+/=="},{"type":"redacted_thinking","data":"EvAFCkYI/+=="},{"type":"tool_use","id":"toolu_01","name":"read","input":{"path":"a\u00e9\"b","n":1.50}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":5}}""";

    private static readonly string[] Stream =
    [
        Answers.AnthropicStream[0],
        Block("content_block_start", 0, "content_block", """{"type":"thinking","thinking":"","signature":""}"""),
        Block("content_block_delta", 0, "delta", """{"type":"thinking_delta","thinking":"Let me see."}"""),
        Block("content_block_delta", 0, "delta", """{"type":"signature_delta","signature":"EqQBCkYIARgCKkAx+/=="}"""),
        Block("content_block_stop", 0, "x", "null"),
        Block("content_block_start", 1, "content_block", """{"type":"redacted_thinking","data":"EvAFCkYI/+=="}"""),
        Block("content_block_stop", 1, "x", "null"),
        Block("content_block_start", 2, "content_block", """{"type":"tool_use","id":"toolu_01","name":"read","input":{}}"""),
        Block("content_block_delta", 2, "delta", """{"type":"input_json_delta","partial_json":"{\"path\":\"a\\u00e9"}"""),
        Block("content_block_delta", 2, "delta", """{"type":"input_json_delta","partial_json":"\",\"n\":1.50}"}"""),
        Block("content_block_stop", 2, "x", "null"),
        Answers.Named("message_delta",
            """{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":5}}"""),
        Answers.AnthropicStream[^1],
    ];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Thinking_signatures_and_tool_calls_cross_byte_for_byte(bool stream)
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, _) => stream
            ? ScriptedUpstream.StreamAsync(http, Stream)
            : ScriptedUpstream.JsonAsync(http, 200, Whole));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream)));

        string sent = stream ? string.Concat(Stream) : Whole;
        Assert.Equal(
            sent.Replace("upstream-model", GatewayHarness.Model, StringComparison.Ordinal),
            await response.Content.ReadAsStringAsync());
    }

    private static string Block(string name, int index, string key, string value) =>
        Answers.Named(name, $$"""{"type":"{{name}}","index":{{index}},"{{key}}":{{value}}}""");
}
