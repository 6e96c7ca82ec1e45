using System.Text.Json;
using System.Text.RegularExpressions;
using Forebay.Protocols;
using Forebay.TestKit.Providers.Scenes;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;

namespace Forebay.TestKit.Providers.Bedrock;

/// <summary>Any model on Amazon Bedrock through Converse.</summary>
/// <param name="account">Who may call.</param>
public sealed partial class ConverseShape(BedrockAccount account) : ProviderShape
{
    private const string Usage =
        """{"inputTokens":10,"outputTokens":7,"totalTokens":22,"cacheReadInputTokens":3,"cacheWriteInputTokens":2}""";

    private static readonly string[] Members =
        ["messages", "system", "inferenceConfig", "toolConfig", "outputConfig", "additionalModelRequestFields"];

    public override string Name => "Converse";

    public override WireDialect Dialect => WireDialect.Converse;

    public override ProviderCall? Read(ReceivedRequest request, JsonElement body)
    {
        Match path = Route.Match(request.Path);
        bool streams = path.Groups["verb"].Value == "converse-stream";
        return request.Method == "POST" && path.Success
            ? new ProviderCall(request, ProviderOperation.Generate, path.Groups["model"].Value, streams, body)
            : null;
    }

    public override ProviderRefusal? Check(ProviderCall call)
    {
        if (SignatureCheck.Check(call.Request, account, "bedrock") is { } denied)
        {
            return denied;
        }

        if (call.Body.EnumerateObject().FirstOrDefault(m => !Members.Contains(m.Name))
            is { Value.ValueKind: not JsonValueKind.Undefined } extra)
        {
            return Invalid($"extraneous key [{extra.Name}] is not permitted");
        }

        string last = "assistant";
        foreach (JsonElement message in call.Body.GetProperty("messages").EnumerateArray())
        {
            string role = message.GetProperty("role").GetString()!;
            if (role == last || message.GetProperty("content").GetArrayLength() == 0)
            {
                return Invalid("A conversation must alternate between user and assistant roles, each with content.");
            }

            last = role;
            foreach (JsonElement block in message.GetProperty("content").EnumerateArray())
            {
                if (block.TryGetProperty("text", out JsonElement text) && string.IsNullOrWhiteSpace(text.GetString()))
                {
                    return Invalid("The text field in the ContentBlock object is blank.");
                }

                if ((block.TryGetProperty("toolUse", out _) || block.TryGetProperty("toolResult", out _))
                    && !call.Has("toolConfig"))
                {
                    return Invalid("The toolConfig field must be defined when using toolUse and toolResult content blocks.");
                }
            }
        }

        return null;
    }

    public override string ErrorBody(ProviderRefusal refusal) => JsonSerializer.Serialize(new { message = refusal.Message });

    public override void AddErrorHeaders(HttpResponse response, ProviderRefusal refusal) =>
        response.Headers["x-amzn-errortype"] = refusal.Type;

    public override string Answer(Scene scene, ProviderCall call) =>
        $$$"""{"metrics":{"latencyMs":7},"output":{"message":{"role":"assistant","content":[{{{string.Join(',', Blocks(scene))}}}]}},"stopReason":"{{{scene.StopReason}}}","usage":{{{Usage}}}}""";

    public override IReadOnlyList<string> Events(Scene scene, ProviderCall call)
    {
        var events = new List<string> { """{"messageStart":{"role":"assistant"}}""" };
        using JsonDocument content = JsonDocument.Parse(scene.AnthropicContent);
        int index = 0;
        foreach (JsonElement block in content.RootElement.EnumerateArray())
        {
            foreach (string delta in Deltas(block))
            {
                events.Add(delta.StartsWith("{\"start\"", StringComparison.Ordinal)
                    ? $$"""{"contentBlockStart":{"contentBlockIndex":{{index}},{{delta[1..]}}}"""
                    : $$$"""{"contentBlockDelta":{"contentBlockIndex":{{{index}}},"delta":{{{delta}}}}}""");
            }

            events.Add($$$"""{"contentBlockStop":{"contentBlockIndex":{{{index++}}}}}""");
        }

        events.Add($$$"""{"messageStop":{"stopReason":"{{{scene.StopReason}}}"}}""");
        events.Add($$$"""{"metadata":{"metrics":{"latencyMs":7},"usage":{{{Usage}}}}}""");
        return events;
    }

    public override Task StreamAsync(HttpContext http, IEnumerable<string> events) =>
        BedrockFrames.SendAsync(http, events.Select(FrameOf));

    private static byte[] FrameOf(string json)
    {
        JsonProperty named = JsonElement.Parse(json).EnumerateObject().First();
        return BedrockFrames.Event(named.Name, named.Value.GetRawText());
    }

    private static IEnumerable<string> Deltas(JsonElement block)
    {
        switch (block.GetProperty("type").GetString())
        {
            case "text":
                string text = block.GetProperty("text").GetString()!;
                int half = text.Length / 2;
                return ((string[])[text[..half], text[half..]]).Select(
                    t => $$"""{"text":{{JsonSerializer.Serialize(t)}}}""");
            case "thinking":
                return
                [
                    $$$"""{"reasoningContent":{"text":{{{block.GetProperty("thinking").GetRawText()}}}}}""",
                    $$$"""{"reasoningContent":{"signature":{{{block.GetProperty("signature").GetRawText()}}}}}""",
                ];
            case "tool_use":
                string input = block.GetProperty("input").GetRawText();
                return
                [
                    $$$$"""{"start":{"toolUse":{"toolUseId":{{{{block.GetProperty("id").GetRawText()}}}},"name":{{{{block.GetProperty("name").GetRawText()}}}}}}}""",
                    .. ((string[])[input[..5], input[5..]]).Select(
                        p => $$$"""{"toolUse":{"input":{{{JsonSerializer.Serialize(p)}}}}}"""),
                ];
            default:
                return [];
        }
    }

    private static IEnumerable<string> Blocks(Scene scene)
    {
        using JsonDocument content = JsonDocument.Parse(scene.AnthropicContent);
        foreach (JsonElement block in content.RootElement.EnumerateArray())
        {
            string? said = block.GetProperty("type").GetString() switch
            {
                "text" => $$"""{"text":{{block.GetProperty("text").GetRawText()}}}""",
                "thinking" => $$$$"""{"reasoningContent":{"reasoningText":{"text":{{{{block.GetProperty("thinking").GetRawText()}}}},"signature":{{{{block.GetProperty("signature").GetRawText()}}}}}}}""",
                "tool_use" => $$$"""{"toolUse":{"toolUseId":{{{block.GetProperty("id").GetRawText()}}},"name":{{{block.GetProperty("name").GetRawText()}}},"input":{{{block.GetProperty("input").GetRawText()}}}}}""",
                _ => null,
            };
            if (said is not null)
            {
                yield return said;
            }
        }
    }

    private static ProviderRefusal Invalid(string message) => new(400, "ValidationException", message);

    [GeneratedRegex("^/model/(?<model>[^/]+)/(?<verb>converse|converse-stream)$")]
    private static partial Regex Route { get; }
}
