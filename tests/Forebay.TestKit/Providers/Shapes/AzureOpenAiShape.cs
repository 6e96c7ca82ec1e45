using System.Text.Json;
using System.Text.Json.Nodes;
using Forebay.Protocols;
using Forebay.TestKit.Providers.Scenes;
using Forebay.TestKit.Upstreams;

namespace Forebay.TestKit.Providers.Shapes;

/// <summary>Azure OpenAI: OpenAI's bodies, the deployment in the path with an API version, or in the body under
/// <c>/openai/v1</c>; what the content filter found stands in every answer.</summary>
/// <param name="isCredential">Whether what was sent as a key (false) or a Bearer token (true) is in force.</param>
/// <param name="deployment">The one deployment there is.</param>
/// <param name="apiVersion">The version that must be asked for; null where the path is <c>/openai/v1</c>.</param>
public sealed class AzureOpenAiShape(
    Func<string, bool, bool> isCredential, string deployment, string? apiVersion) : ProviderShape
{
    private const string Filter =
        """{"hate":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}""";

    public override string Name => apiVersion is null ? "Azure, OpenAI v1" : "Azure, OpenAI by deployment";

    public override WireDialect Dialect => WireDialect.OpenAi;

    public override IReadOnlyDictionary<string, string> Headers { get; } = new Dictionary<string, string>
    {
        ["apim-request-id"] = "b0ad22f5",
        ["x-ms-region"] = "Sweden Central",
        ["x-ratelimit-remaining-requests"] = "-1",
        ["x-ratelimit-limit-requests"] = "0",
        ["x-ratelimit-remaining-tokens"] = "149000",
        ["x-ratelimit-limit-tokens"] = "150000",
    };

    public override ProviderCall? Read(ReceivedRequest request, JsonElement body)
    {
        string path = apiVersion is null
            ? "/openai/v1/chat/completions"
            : $"/openai/deployments/{deployment}/chat/completions";
        string query = apiVersion is null ? "" : $"?api-version={apiVersion}";
        return (request.Method, request.Path, request.Query) == ("POST", path, query)
            ? new ProviderCall(
                request,
                ProviderOperation.Generate,
                apiVersion is null ? ModelOf(body) : deployment,
                IsStream(body),
                body)
            : null;
    }

    public override ProviderRefusal? Check(ProviderCall call) =>
        !AzureCredentials.Are(call, isCredential)
            ? ProviderRefusal.Unauthenticated("Access denied due to invalid subscription key or wrong API endpoint.")
        : FirstHeaderOf(call, "anthropic-version", "anthropic-beta") is { } header
            ? ProviderRefusal.Invalid($"the header {header} is not OpenAI's")
        : call.Model != deployment ? ProviderRefusal.NotFound("The API deployment for this resource does not exist.")
        : ChatRules.Check(call.Body);

    public override string ErrorBody(ProviderRefusal refusal) => refusal.Status is 401 or 403 or 404 or 429
        ? AzureCredentials.Error(refusal)
        : OpenAiShape.OpenAiError(refusal);

    public override string Answer(Scene scene, ProviderCall call)
    {
        JsonNode answer = JsonNode.Parse(base.Answer(scene, call))!;
        answer["prompt_filter_results"] = JsonNode.Parse($$"""[{"prompt_index":0,"content_filter_results":{{Filter}}}]""");
        answer["choices"]![0]!["content_filter_results"] = JsonNode.Parse(Filter);
        return answer.ToJsonString();
    }

    /// <summary>A stream begins with what the filter found in the prompt: a chunk that is about no choice.</summary>
    public override IReadOnlyList<string> Events(Scene scene, ProviderCall call) =>
    [
        Event($$"""{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{{Filter}}}]}"""),
        .. base.Events(scene, call),
    ];
}
