using System.Net;
using System.Text;
using System.Text.Json;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Clients;

/// <summary>Requests as real clients sent them: everything reaches the upstream but the model's name and what is the
/// client's own business with us.</summary>
public sealed class CapturedRequestsTests : IAsyncLifetime
{
    private const string Folder = "api/data/captured";

    private static readonly HashSet<string> Ours = new(StringComparer.OrdinalIgnoreCase)
    {
        "host", "connection", "content-length", "accept-encoding", "authorization", "x-api-key",
    };

    private ScriptedUpstream _upstream = null!;
    private GatewayHarness _gateway = null!;

    public async ValueTask InitializeAsync()
    {
        _upstream = await ScriptedUpstream.StartAsync((http, request) => request.Path switch
        {
            "/v1/messages/count_tokens" => ScriptedUpstream.JsonAsync(http, 200, """{"input_tokens":7}"""),
            "/v1/messages" when IsStream(request) => ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream),
            "/v1/messages" => ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage),
            _ when IsStream(request) => ScriptedUpstream.StreamAsync(http, Answers.OpenAiStream(true)),
            _ => ScriptedUpstream.JsonAsync(http, 200, Answers.OpenAiCompletion),
        });
        _gateway = await GatewayHarness.StartAsync([_upstream.Address]);
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Theory]
    [InlineData("anthropic-sdk-0.137.0.jsonl", 16)]
    [InlineData("anthropic-sdk-1.12.0.jsonl", 16)]
    [InlineData("dotnet-anthropic-13.12.0-openai-2.15.0.jsonl", 7)]
    [InlineData("openai-7.57.0.jsonl", 12)]
    public async Task Nothing_of_a_captured_request_is_lost(string file, int expected)
    {
        string? path = SharedFiles.Find($"{Folder}/{file}");
        if (path is null)
        {
            Assert.Skip(SharedFiles.SkipReason($"{Folder}/{file}"));
        }

        int served = 0;
        foreach (string line in await File.ReadAllLinesAsync(path))
        {
            JsonElement captured = JsonDocument.Parse(line).RootElement;
            string target = captured.GetProperty("url").GetString()!;
            if (target.Split('?')[0] is "/v1/messages" or "/v1/messages/count_tokens" or "/v1/chat/completions"
                && captured.GetProperty("body").TryGetProperty("model", out JsonElement model)
                && IsComplete(captured.GetProperty("body"), target))
            {
                await CrossesAsync(captured, target, model.GetString()!);
                served++;
            }
        }

        Assert.Equal(expected, served);
        await GatewayHealth.ServesAsync(_gateway);
    }

    /// <summary>The shapes of Claude Code: beta path, three system blocks, thinking with a signature, a system message
    /// in the middle, and JSON written in ways that a parser would not give back.</summary>
    [Fact]
    public async Task A_coding_agents_request_crosses_byte_for_byte()
    {
        const string signature = "EqQBCkYIARgCKkD\\/+w==\\u00e9 \\ud83d\\ude00";
        string body = $$$"""
            { "model" : "atlas","max_tokens":32000,
              "thinking":{"type":"adaptive","display":"omitted"}, "output_config":{"effort":"high"},
              "context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},
              "metadata":{"user_id":"{\"device_id\":\"d\",\"session_id\":\"s\"}"},
              "system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=2"},
                {"type":"text","text":"You are an agent.","cache_control":{"type":"ephemeral","ttl":"1h"}},
                {"type":"text","text":"Rules.","cache_control":{"type":"ephemeral"}}],
              "tools":[{"name":"Bash","description":"Run","input_schema":{"type":"object","properties":{}},
                "defer_loading":true},{"type":"bash_20250124","name":"bash"}],
              "messages":[{"role":"user","content":[{"type":"text","text":"caf\u00e9 \/ ☕"}]},
                {"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"{{{signature}}}"},
                  {"type":"redacted_thinking","data":"b64=="},
                  {"type":"tool_use","id":"toolu_1","name":"Bash","input":{"n":1.0e2,"big":12345678901234567890,"é":[]}}]},
                {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"ok"}]},
                {"role":"system","content":[{"type":"text","text":"Reminder","cache_control":{"type":"ephemeral"}}]}],
              "unknown_field":{"a":[1,2,{"b":null}]},"stream":true }
            """;
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages?beta=true")
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("Authorization", "Bearer " + GatewayHarness.Secret);
        request.Headers.Add("anthropic-version", "2023-06-01");
        const string betas = "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27";
        request.Headers.Add("anthropic-beta", betas);
        request.Headers.Add("x-claude-code-session-id", "7b0c");
        request.Headers.Add("x-app", "cli");

        using HttpResponseMessage response = await _gateway.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        ReceivedRequest sent = Assert.Single(_upstream.Requests);
        Assert.Equal(body.Replace("\"atlas\"", "\"upstream-model\"", StringComparison.Ordinal), sent.Text);
        Assert.Equal("?beta=true", sent.Query);
        Assert.Equal(betas, sent.Headers["anthropic-beta"]);
        Assert.Equal("7b0c", sent.Headers["x-claude-code-session-id"]);
        Assert.Equal("cli", sent.Headers["x-app"]);
        Assert.Equal("2023-06-01", sent.Headers["anthropic-version"]);
    }

    private async Task CrossesAsync(JsonElement captured, string target, string model)
    {
        string body = captured.GetProperty("body").GetRawText();
        var request = new HttpRequestMessage(HttpMethod.Post, target)
        {
            Content = new ByteArrayContent(
                Encoding.UTF8.GetBytes(body.Replace($"\"{model}\"", "\"atlas\"", StringComparison.Ordinal))),
        };
        foreach (JsonProperty header in captured.GetProperty("headers").EnumerateObject())
        {
            string value = header.Value.GetString()!.Replace("<key>", GatewayHarness.Secret, StringComparison.Ordinal);
            bool content = header.Name == "content-type";
            if (header.Name is not ("host" or "connection" or "content-length"))
            {
                Assert.True(content
                    ? request.Content.Headers.TryAddWithoutValidation(header.Name, value)
                    : request.Headers.TryAddWithoutValidation(header.Name, value));
            }
        }

        using HttpResponseMessage response = await _gateway.Client.SendAsync(request);

        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        ReceivedRequest sent = _upstream.Requests[^1];
        Assert.Equal(target, sent.Path + sent.Query);
        string expected = body.Replace($"\"{model}\"", "\"upstream-model\"", StringComparison.Ordinal);
        Assert.Equal(expected, WithoutUsageFlag(sent.Text, expected));
        foreach (JsonProperty header in captured.GetProperty("headers").EnumerateObject())
        {
            if (!Ours.Contains(header.Name))
            {
                Assert.Equal(header.Value.GetString(), sent.Headers[header.Name]);
            }
        }
    }

    /// <summary>Streams of the OpenAI dialect are asked for their usage whether the client did or not.</summary>
    private static string WithoutUsageFlag(string sent, string expected) =>
        expected.Contains("stream_options", StringComparison.Ordinal)
            ? sent
            : sent.Replace("\"stream_options\":{\"include_usage\":true},", "", StringComparison.Ordinal)
                .Replace(",\"stream_options\":{\"include_usage\":true}", "", StringComparison.Ordinal);

    /// <summary>Some requests were sent to see the vendor's refusal: they lack what is required.</summary>
    private static bool IsComplete(JsonElement body, string target) =>
        body.TryGetProperty("messages", out JsonElement messages)
        && messages.ValueKind == JsonValueKind.Array
        && (target.Split('?')[0] != "/v1/messages" || body.TryGetProperty("max_tokens", out _));

    private static bool IsStream(ReceivedRequest request)
    {
        using var body = JsonDocument.Parse(request.Body);
        return body.RootElement.TryGetProperty("stream", out JsonElement stream)
            && stream.ValueKind == JsonValueKind.True;
    }
}
