using System.Text.Json;
using Forebay.Protocols;
using Forebay.TestKit.Upstreams;

namespace Forebay.TestKit.Providers.Shapes;

/// <summary>Claude in Microsoft Foundry: Anthropic's API under <c>/anthropic</c>, with a key or a token of
/// Entra's; models are called by their deployments' names.</summary>
/// <param name="isCredential">Whether what was sent as a key (false) or a Bearer token (true) is in force.</param>
/// <param name="deployment">The one deployment there is.</param>
public sealed class AzureAnthropicShape(Func<string, bool, bool> isCredential, string deployment) : ProviderShape
{
    private const string Root = "/anthropic";

    public override string Name => "Azure, Anthropic";

    public override WireDialect Dialect => WireDialect.Anthropic;

    public override ProviderCall? Read(ReceivedRequest request, JsonElement body) => (request.Method, request.Path) switch
    {
        ("POST", Root + "/v1/messages") =>
            new ProviderCall(request, ProviderOperation.Generate, ModelOf(body), IsStream(body), body),
        ("POST", Root + "/v1/messages/count_tokens") =>
            new ProviderCall(request, ProviderOperation.CountTokens, ModelOf(body), false, body),
        _ => null,
    };

    public override ProviderRefusal? Check(ProviderCall call)
    {
        if (!AzureCredentials.Are(call, isCredential))
        {
            return ProviderRefusal.Unauthenticated("Access denied due to invalid subscription key or wrong endpoint.");
        }

        return call.Header("anthropic-version") is not ("2023-06-01" or "2026-10-21")
                ? ProviderRefusal.Invalid("anthropic-version: header is required")
            : call.Model != deployment ? ProviderRefusal.NotFound($"DeploymentNotFound: {call.Model}")
            : call.Has("inference_geo") ? ProviderRefusal.Invalid("inference_geo: Extra inputs are not permitted")
            : MessagesRules.Check(
                call.Body,
                call.Header("anthropic-version") == "2026-10-21",
                call.Operation == ProviderOperation.CountTokens);
    }

    public override string ErrorBody(ProviderRefusal refusal) => refusal.Status is 401 or 403 or 429
        ? AzureCredentials.Error(refusal)
        : AnthropicShape.AnthropicError(refusal);
}
