using System.Text.Json.Serialization;
using Forebay.Core.Fleet.Managed;

namespace Forebay.Serve;

/// <summary>What the audit log keeps of a managed change: how many objects, and the ids of the first of them.</summary>
internal sealed record ManagedDetail(
    int Added, int Changed, int Removed, IReadOnlyList<string> AddedIds, IReadOnlyList<string> RemovedIds)
{
    private const int MostIds = 20;

    public static ManagedDetail Of(ManagedPart old, ManagedPart next)
    {
        Dictionary<string, object> before = ById(old);
        Dictionary<string, object> after = ById(next);
        string[] added = [.. after.Keys.Where(id => !before.ContainsKey(id)).Order(StringComparer.Ordinal)];
        string[] removed = [.. before.Keys.Where(id => !after.ContainsKey(id)).Order(StringComparer.Ordinal)];
        int changed = after.Count(a => before.TryGetValue(a.Key, out object? was) && !ReferenceEquals(was, a.Value));
        return new ManagedDetail(
            added.Length, changed, removed.Length, [.. added.Take(MostIds)], [.. removed.Take(MostIds)]);
    }

    /// <summary>An id given twice counts once here; it is refused before it is in force.</summary>
    private static Dictionary<string, object> ById(ManagedPart part)
    {
        var byId = new Dictionary<string, object>(StringComparer.Ordinal);
        foreach ((string id, object entry) in (IEnumerable<(string, object)>)
        [
            .. part.ConcentrationGroups.Select(g => ("concentration_groups/" + g.Id, (object)g)),
            .. part.Providers.Select(p => ("providers/" + p.Id, (object)p)),
            .. part.Sites.Select(s => ("sites/" + s.Id, (object)s)),
            .. part.Commitments.Select(c => ("commitments/" + c.Id, (object)c)),
            .. part.Pools.Select(p => ("pools/" + p.Id, (object)p)),
            .. part.Deployments.Select(d => ("deployments/" + d.Id, (object)d)),
            .. part.Withdrawals.Select(w => ("withdrawals/" + w.Id, (object)w)),
        ])
        {
            byId[id] = entry;
        }

        return byId;
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ManagedDetail))]
internal sealed partial class ServeJson : JsonSerializerContext;
