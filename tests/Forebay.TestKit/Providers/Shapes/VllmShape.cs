using System.Text.Json;
using Forebay.Protocols;
using Forebay.TestKit.Upstreams;

namespace Forebay.TestKit.Providers.Shapes;

/// <summary>A vLLM server: both dialects from one process, with what its Anthropic endpoint does otherwise than the
/// vendor's: names of Python classes as error types, validation errors in the OpenAI envelope, no request ids.</summary>
/// <param name="dialect">Which of the two is called.</param>
/// <param name="key">What it was started with as <c>--api-key</c>.</param>
public sealed class VllmShape(WireDialect dialect, string key) : ProviderShape
{
    private static readonly string[] Blocks =
        ["text", "image", "tool_use", "tool_result", "tool_reference", "thinking", "redacted_thinking"];

    public override string Name => dialect == WireDialect.Anthropic ? "vLLM, Anthropic" : "vLLM, OpenAI";

    public override WireDialect Dialect => dialect;

    public override ProviderCall? Read(ReceivedRequest request, JsonElement body) => (request.Method, request.Path) switch
    {
        ("POST", "/v1/messages") when dialect == WireDialect.Anthropic =>
            new ProviderCall(request, ProviderOperation.Generate, ModelOf(body), IsStream(body), body),
        ("POST", "/v1/messages/count_tokens") when dialect == WireDialect.Anthropic =>
            new ProviderCall(request, ProviderOperation.CountTokens, ModelOf(body), false, body),
        ("POST", "/v1/chat/completions") when dialect == WireDialect.OpenAi =>
            new ProviderCall(request, ProviderOperation.Generate, ModelOf(body), IsStream(body), body),
        _ => null,
    };

    public override ProviderRefusal? Check(ProviderCall call)
    {
        if (call.Header("authorization") != "Bearer " + key)
        {
            return new ProviderRefusal(401, "Unauthorized", "Unauthorized");
        }

        if (call.Model.Length == 0)
        {
            return ProviderRefusal.Invalid("1 validation error: {'loc': ('body', 'model'), 'msg': 'Field required'}");
        }

        if (dialect == WireDialect.OpenAi)
        {
            return ChatRules.Check(call.Body);
        }

        if (call.Body.TryGetProperty("max_tokens", out JsonElement most) && most.TryGetInt64(out long tokens) && tokens == 0)
        {
            return new ProviderRefusal(400, "BadRequestError", "max_tokens must be at least 1, got 0.");
        }

        return UnknownBlock(call.Body) is { } type
            ? ProviderRefusal.Invalid($"1 validation error: Input should be one of the known blocks, got '{type}'")
            : MessagesRules.Check(call.Body, isNewest: false, call.Operation == ProviderOperation.CountTokens);
    }

    /// <summary>Validation is the web framework's, and speaks OpenAI whichever endpoint was called.</summary>
    public override string ErrorBody(ProviderRefusal refusal) =>
        dialect == WireDialect.OpenAi || refusal.Type == "invalid_request_error"
            ? JsonSerializer.Serialize(new
            {
                error = new { message = refusal.Message, type = "Bad Request", param = (string?)null, code = refusal.Status },
            })
            : JsonSerializer.Serialize(new
            {
                type = "error", error = new { type = refusal.Type, message = refusal.Message },
            });

    private static string? UnknownBlock(JsonElement body)
    {
        foreach (JsonElement turn in body.GetProperty("messages").EnumerateArray())
        {
            if (turn.GetProperty("content") is { ValueKind: JsonValueKind.Array } content
                && content.EnumerateArray().Select(b => b.GetProperty("type").GetString())
                    .FirstOrDefault(t => !Blocks.Contains(t)) is { } type)
            {
                return type;
            }
        }

        return null;
    }
}
