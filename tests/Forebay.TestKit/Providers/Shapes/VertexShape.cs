using System.Text.Json;
using System.Text.RegularExpressions;
using Forebay.Protocols;
using Forebay.TestKit.Upstreams;

namespace Forebay.TestKit.Providers.Shapes;

/// <summary>Claude on Google Vertex: the model in the path, the version in the body, an OAuth token.</summary>
/// <param name="isToken">Whether a token is in force.</param>
/// <param name="project">The one project there is.</param>
/// <param name="location">The one location there is.</param>
public sealed partial class VertexShape(Func<string, bool> isToken, string project, string location) : ProviderShape
{
    private static readonly string[] Versions = ["vertex-2023-10-16", "2026-10-21"];

    public override string Name => "Vertex";

    public override WireDialect Dialect => WireDialect.Anthropic;

    public override ProviderCall? Read(ReceivedRequest request, JsonElement body)
    {
        Match path = Route.Match(request.Path);
        if (request.Method != "POST" || !path.Success
            || path.Groups["project"].Value != project || path.Groups["location"].Value != location)
        {
            return null;
        }

        string model = path.Groups["model"].Value;
        bool streams = path.Groups["verb"].Value == "streamRawPredict";
        return model == "count-tokens"
            ? new ProviderCall(request, ProviderOperation.CountTokens, ModelOf(body), false, body)
            : new ProviderCall(request, ProviderOperation.Generate, model, streams, body);
    }

    public override ProviderRefusal? Check(ProviderCall call)
    {
        bool counts = call.Operation == ProviderOperation.CountTokens;
        string? sent = call.Header("authorization");
        if (sent is null || !sent.StartsWith("Bearer ", StringComparison.Ordinal) || !isToken(sent["Bearer ".Length..]))
        {
            return new ProviderRefusal(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
        }

        if (FirstHeaderOf(call, "x-api-key", "anthropic-version") is { } header)
        {
            return ProviderRefusal.Invalid($"the header {header} has no meaning here");
        }

        if (!Versions.Contains(call.Raw("anthropic_version")?.Trim('"')))
        {
            return ProviderRefusal.Invalid("anthropic_version: Field required");
        }

        if (counts != call.Has("model"))
        {
            return ProviderRefusal.Invalid(counts ? "model: Field required" : "model: Extra inputs are not permitted");
        }

        if (call.Stream != IsStream(call.Body))
        {
            return ProviderRefusal.Invalid("stream: must be true for streamRawPredict, and only there");
        }

        return FirstOf(call.Body, "inference_geo", "anthropic_beta", "service_tier", "container") is { } member
            ? ProviderRefusal.Invalid($"{member}: Extra inputs are not permitted")
            : MessagesRules.Check(call.Body, call.Raw("anthropic_version") == "\"2026-10-21\"", counts);
    }

    /// <summary>What Google says for itself comes in its own envelope, what the model's server says in
    /// Anthropic's.</summary>
    public override string ErrorBody(ProviderRefusal refusal) => refusal.Status is 401 or 403 or 404 or 429
        ? JsonSerializer.Serialize(new
        {
            error = new { code = refusal.Status, message = refusal.Message, status = refusal.Type },
        })
        : AnthropicShape.AnthropicError(refusal);

    [GeneratedRegex("^/v1/projects/(?<project>[^/]+)/locations/(?<location>[^/]+)/publishers/anthropic/models/"
        + "(?<model>[^/:]+):(?<verb>rawPredict|streamRawPredict)$")]
    private static partial Regex Route { get; }
}
