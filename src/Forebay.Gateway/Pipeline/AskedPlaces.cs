using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.Protocols;
using Microsoft.Extensions.Primitives;

namespace Forebay.Gateway.Pipeline;

/// <summary>
/// Where a request's data may go: its tenant's policy, its data classes and the geography it asks for. Each can only
/// narrow the others. Fails closed: a name that is not known refuses the request.
/// </summary>
internal static class AskedPlaces
{
    private const int MostNamed = 20;

    /// <summary>Reads the rules that hold for a request from its tenant, key, headers and body.</summary>
    public static Failure Read(Exchange x, out PermissionRules rules)
    {
        rules = default;
        DataClass? keyClass = null;
        if (x.Key!.DataClass is { } ofKey && (keyClass = x.Fleet.FindDataClass(ofKey)) is null)
        {
            return new Failure(
                Reason.NotPermitted,
                $"API key {x.Key.Id} is for data class {ofKey}, which is no longer configured. Ask the operator.");
        }

        // The key's class is what the operator decided and stays; the tenant's own is only for requests that say
        // nothing.
        DataClass? named = keyClass is null ? x.Tenant!.DataClass : null;
        StringValues header = x.Http.Request.Headers[PipelineHeaders.DataClass];
        if (header.Count > 0 && (header.Count > 1 || (named = x.Fleet.FindDataClass(header[0] ?? "")) is null))
        {
            return Unknown(
                PipelineHeaders.DataClass, header, "data class", x.Fleet.Config.DataClasses.Select(c => c.Id));
        }

        Failure failure = ReadGeography(x, out Geography? geography);
        rules = new PermissionRules(x.Tenant!.Residency, keyClass, named, geography);
        return failure;
    }

    /// <summary>The rules in words, for who is refused by them.</summary>
    public static string Describe(Exchange x)
    {
        var parts = new List<string> { $"this tenant's residency policy '{x.Rules.Residency?.Id ?? "default"}'" };
        if (x.Rules.KeyClass is { } ofKey)
        {
            parts.Add($"its key's data class '{ofKey.Id}'");
        }

        if (x.Rules.DataClass is { } named)
        {
            parts.Add($"data class '{named.Id}'");
        }

        if (x.Rules.Geography is { Policy: not null } geography)
        {
            parts.Add($"inference_geo '{geography.Id}'");
        }

        return string.Join(" and ", parts);
    }

    /// <summary>
    /// What an upstream is told of where to compute the answer. In the Anthropic dialect what the fleet file says for
    /// it; a provider's account else what the request asked for, by field or header. Nothing for an engine and in the
    /// OpenAI dialect, which do not know the field: it is taken out, as some would refuse the request for it.
    /// </summary>
    public static GeographySplice SpliceFor(Exchange x, Deployment deployment, Dialect spoken) =>
        spoken != Dialect.Anthropic ? default
        : !deployment.InferenceGeoJson.IsEmpty ? new GeographySplice(false, deployment.InferenceGeoJson)
        : !deployment.TakesInferenceGeo ? default
        : x.Rules.Geography is { Policy: not null } asked ? new GeographySplice(false, asked.Json)
        : new GeographySplice(true, default);

    /// <summary>How many rules narrow a request.</summary>
    public static int Count(in PermissionRules rules) =>
        1 + (rules.KeyClass is null ? 0 : 1) + (rules.DataClass is null ? 0 : 1)
            + (rules.Geography?.Policy is null ? 0 : 1);

    private static Failure ReadGeography(Exchange x, out Geography? geography)
    {
        geography = null;
        if (x.Facts.InferenceGeo is { } asked && (geography = x.Fleet.FindGeography(asked)) is null)
        {
            return Unknown("inference_geo", asked, "geography", x.Fleet.Geographies);
        }

        StringValues header = x.Http.Request.Headers[PipelineHeaders.InferenceGeo];
        if (header.Count == 0)
        {
            return Failure.None;
        }

        Geography? second = header.Count == 1 ? x.Fleet.FindGeography(header[0] ?? "") : null;
        if (second is null)
        {
            return Unknown(PipelineHeaders.InferenceGeo, header, "geography", x.Fleet.Geographies);
        }

        if (geography is { Policy: not null } && second is { Policy: not null } && geography != second)
        {
            return new Failure(
                Reason.BadRequest,
                $"inference_geo: the body asks for '{geography.Id}' and {PipelineHeaders.InferenceGeo} for " +
                $"'{second.Id}', and no place is in both. Ask for one.",
                "inference_geo");
        }

        geography = geography?.Policy is null ? second : geography;
        return Failure.None;
    }

    private static Failure Unknown(string field, StringValues given, string noun, IEnumerable<string> known)
    {
        string[] names = [.. known.Take(MostNamed + 1)];
        string list = names.Length == 0 ? "none is configured"
            : "known are " + string.Join(", ", names.Take(MostNamed)) + (names.Length > MostNamed ? ", ..." : "");
        string shown = given.Count != 1 ? "more than one value" : $"'{Short(given[0] ?? "")}'";
        return new Failure(
            Reason.BadRequest,
            $"{field}: {shown} is not a {noun} here; {list}. Name one of them, or leave it out.",
            field);
    }

    private static string Short(string text) => text.Length <= 64 ? text : text[..64] + "...";
}
