using System.Text.Json;
using System.Text.RegularExpressions;
using Forebay.Protocols;
using Forebay.TestKit.Providers.Shapes;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;

namespace Forebay.TestKit.Providers.Bedrock;

/// <summary>Claude on Amazon Bedrock through InvokeModel: signed requests, the model in the path, version and betas in
/// the body, answers in frames, errors named by a header.</summary>
/// <param name="account">Who may call.</param>
/// <param name="known">Members of a body that are taken besides those that Bedrock documents.</param>
public sealed partial class BedrockShape(BedrockAccount account, params string[] known) : ProviderShape
{
    private const string Metrics =
        ""","amazon-bedrock-invocationMetrics":{"inputTokenCount":10,"outputTokenCount":7,"invocationLatency":700,"firstByteLatency":200,"cacheReadInputTokenCount":3,"cacheWriteInputTokenCount":2}}""";

    private static readonly string[] Versions = ["bedrock-2023-05-31", "2026-10-21"];

    private static readonly string[] Members =
    [
        "anthropic_version", "anthropic_beta", "max_tokens", "messages", "system", "stop_sequences", "temperature", "top_p",
        "top_k", "tools", "tool_choice", "thinking", "metadata", "output_config", "output_format", "context_management",
        "cache_control", "user_profile_id",
    ];

    private static readonly string[] Betas =
        ["context-1m-2025-08-07", "context-management-2025-06-27", "tool-search-tool-2025-10-19", "aura-2027-01-01"];

    public override string Name => "Bedrock";

    public override WireDialect Dialect => WireDialect.Anthropic;

    public override ProviderCall? Read(ReceivedRequest request, JsonElement body)
    {
        Match path = Route.Match(request.Path);
        if (request.Method != "POST" || !path.Success)
        {
            return null;
        }

        string model = path.Groups["model"].Value.Replace("%2F", "/", StringComparison.Ordinal);
        string verb = path.Groups["verb"].Value;
        if (verb != "count-tokens")
        {
            bool streams = verb == "invoke-with-response-stream";
            return new ProviderCall(request, ProviderOperation.Generate, model, streams, body);
        }

        byte[] counted = body.GetProperty("input").GetProperty("invokeModel").GetProperty("body").GetBytesFromBase64();
        return new ProviderCall(request, ProviderOperation.CountTokens, model, false, JsonElement.Parse(counted));
    }

    public override ProviderRefusal? Check(ProviderCall call)
    {
        if (SignatureCheck.Check(call.Request, account, "bedrock") is { } denied)
        {
            return denied;
        }

        if (call.Header("content-type") != "application/json")
        {
            return Invalid("The provided Content-Type is invalid or not supported for this model");
        }

        bool counts = call.Operation == ProviderOperation.CountTokens;
        if (counts && call.Model.Split('.')[0].Length == 2)
        {
            return Invalid("The provided model doesn't support counting tokens.");
        }

        string? version = call.Raw("anthropic_version")?.Trim('"');
        if (!Versions.Contains(version))
        {
            return Invalid("anthropic_version: Field required");
        }

        if (call.Body.EnumerateObject().FirstOrDefault(
            m => !Members.Contains(m.Name) && !known.Contains(m.Name)) is { Value.ValueKind: not JsonValueKind.Undefined } extra)
        {
            return Invalid($"{extra.Name}: Extra inputs are not permitted");
        }

        if (call.Body.TryGetProperty("anthropic_beta", out JsonElement betas)
            && betas.EnumerateArray().Any(b => !Betas.Contains(b.GetString())))
        {
            return Invalid("invalid beta flag");
        }

        return MessagesRules.Check(call.Body, version == "2026-10-21", counts: false) is { } wrong
            ? Invalid(wrong.Message)
            : null;
    }

    public override string ErrorBody(ProviderRefusal refusal) => JsonSerializer.Serialize(new { message = refusal.Message });

    public override void AddErrorHeaders(HttpResponse response, ProviderRefusal refusal)
    {
        response.Headers.Date = account.Now.ToString("r");
        if (refusal.Type.EndsWith("Exception", StringComparison.Ordinal))
        {
            response.Headers["x-amzn-errortype"] = refusal.Type + ":http://internal.amazon.com/coral/com.amazon.bedrock/";
        }
    }

    public override string Counted(int tokens) => $$"""{"inputTokens":{{tokens}}}""";

    public override Task StreamAsync(HttpContext http, IEnumerable<string> events) =>
        BedrockFrames.SendAsync(http, events.Select(FrameOf));

    /// <summary>An event as text becomes a frame.</summary>
    public static byte[] FrameOf(string sse)
    {
        string json = sse.Split('\n').Single(l => l.StartsWith("data: ", StringComparison.Ordinal))["data: ".Length..];
        JsonElement read = JsonElement.Parse(json);
        string type = read.GetProperty("type").GetString()!;
        if (type == "error")
        {
            string message = read.GetProperty("error").GetProperty("message").GetRawText();
            return BedrockFrames.Exception("serviceUnavailableException", $"{{\"message\":{message}}}");
        }

        return BedrockFrames.Chunk(type == "message_stop" ? json[..^1] + Metrics : json);
    }

    private static ProviderRefusal Invalid(string message) => new(400, "ValidationException", message);

    [GeneratedRegex("^/model/(?<model>[^/]+)/(?<verb>invoke|invoke-with-response-stream|count-tokens)$")]
    private static partial Regex Route { get; }
}
