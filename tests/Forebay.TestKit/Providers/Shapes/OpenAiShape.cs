using System.Text.Json;
using Forebay.Protocols;
using Forebay.TestKit.Upstreams;

namespace Forebay.TestKit.Providers.Shapes;

/// <summary>OpenAI's own API: a key as a Bearer.</summary>
public sealed class OpenAiShape(string key) : ProviderShape
{
    public override string Name => "OpenAI";

    public override WireDialect Dialect => WireDialect.OpenAi;

    public override IReadOnlyDictionary<string, string> Headers { get; } = new Dictionary<string, string>
    {
        ["x-request-id"] = "req_vendor",
        ["openai-organization"] = "org-of-the-pool",
        ["openai-processing-ms"] = "12",
        ["x-ratelimit-limit-requests"] = "10000",
        ["x-ratelimit-remaining-requests"] = "9999",
        ["x-ratelimit-reset-requests"] = "6ms",
    };

    public override ProviderCall? Read(ReceivedRequest request, JsonElement body) =>
        (request.Method, request.Path) is ("POST", "/v1/chat/completions")
            ? new ProviderCall(request, ProviderOperation.Generate, ModelOf(body), IsStream(body), body)
            : null;

    public override ProviderRefusal? Check(ProviderCall call) =>
        call.Header("authorization") != "Bearer " + key
            ? ProviderRefusal.Unauthenticated("Incorrect API key provided.")
            : FirstHeaderOf(call, "x-api-key", "anthropic-version", "anthropic-beta") is { } header
                ? ProviderRefusal.Invalid($"the header {header} is not OpenAI's")
                : call.Model.Length == 0 ? ProviderRefusal.Invalid("you must provide a model parameter")
                    : ChatRules.Check(call.Body);

    public override string ErrorBody(ProviderRefusal refusal) => OpenAiError(refusal);

    /// <summary>OpenAI's error envelope.</summary>
    public static string OpenAiError(ProviderRefusal refusal) => JsonSerializer.Serialize(new
    {
        error = new { message = refusal.Message, type = refusal.Type, param = (string?)null, code = (string?)null },
    });
}
