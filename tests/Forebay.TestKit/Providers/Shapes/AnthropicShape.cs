using System.Text.Json;
using Forebay.Protocols;
using Forebay.TestKit.Upstreams;

namespace Forebay.TestKit.Providers.Shapes;

/// <summary>Anthropic's own API: a key in <c>x-api-key</c> or as a Bearer, the version in a header.</summary>
public sealed class AnthropicShape(string key) : ProviderShape
{
    private static readonly string[] Versions = ["2023-06-01", "2026-10-21"];

    public override string Name => "Anthropic";

    public override WireDialect Dialect => WireDialect.Anthropic;

    public override IReadOnlyDictionary<string, string> Headers { get; } = new Dictionary<string, string>
    {
        ["request-id"] = "req_vendor",
        ["anthropic-ratelimit-requests-limit"] = "4000",
        ["anthropic-ratelimit-requests-remaining"] = "3999",
        ["anthropic-ratelimit-requests-reset"] = "2026-11-22T23:00:00Z",
        ["anthropic-organization-id"] = "org-of-the-pool",
    };

    public override ProviderCall? Read(ReceivedRequest request, JsonElement body) => (request.Method, request.Path) switch
    {
        ("POST", "/v1/messages") =>
            new ProviderCall(request, ProviderOperation.Generate, ModelOf(body), IsStream(body), body),
        ("POST", "/v1/messages/count_tokens") =>
            new ProviderCall(request, ProviderOperation.CountTokens, ModelOf(body), false, body),
        _ => null,
    };

    public override ProviderRefusal? Check(ProviderCall call)
    {
        // Where both are there, the first is what counts.
        string? sent = call.Header("x-api-key") ?? call.Header("authorization")?.Replace("Bearer ", "");
        return sent != key ? ProviderRefusal.Unauthenticated("invalid x-api-key")
            : !Versions.Contains(call.Header("anthropic-version")) ? ProviderRefusal.Invalid(
                "anthropic-version: header is required")
            : call.Model.Length == 0 ? ProviderRefusal.Invalid("model: Field required")
            : MessagesRules.Check(
                call.Body,
                call.Header("anthropic-version") == Versions[1],
                call.Operation == ProviderOperation.CountTokens);
    }

    public override string ErrorBody(ProviderRefusal refusal) => AnthropicError(refusal);

    /// <summary>Anthropic's error envelope.</summary>
    public static string AnthropicError(ProviderRefusal refusal) => JsonSerializer.Serialize(new
    {
        type = "error",
        error = new { type = refusal.Type, message = refusal.Message },
        request_id = "req_vendor",
    });
}
