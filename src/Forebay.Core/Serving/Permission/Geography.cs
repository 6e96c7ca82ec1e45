using System.Collections.Frozen;
using System.Text;
using Forebay.Core.Capacity;

namespace Forebay.Core.Serving.Permission;

/// <summary>
/// A place that requests may ask for by name (<c>inference_geo</c>); one object per name, compared by reference.
/// A geography is a place on the ground: a site in orbit is in none of them.
/// </summary>
public sealed class Geography
{
    /// <summary>What stands for every geography: it narrows nothing.</summary>
    public const string Global = "global";

    /// <summary>The one geography besides that the vendor's own API knows: known also where no site is in it.</summary>
    private const string Us = "us";

    private Geography(string id)
    {
        Id = id;
        Json = Encoding.UTF8.GetBytes($"\"{id}\"");
        Policy = id == Global ? null : new ResidencyPolicyConfig
        {
            Id = id, Jurisdictions = [id], SiteKinds = [SiteKind.Region, SiteKind.Datacenter],
        };
    }

    public string Id { get; }

    /// <summary>The name as a quoted JSON string.</summary>
    public ReadOnlyMemory<byte> Json { get; }

    /// <summary>The sites that are in it, as a policy; null for all.</summary>
    public ResidencyPolicyConfig? Policy { get; }

    /// <summary>The geographies of a fleet: every jurisdiction that has a site on the ground, and the vendor's.
    /// </summary>
    public static FrozenDictionary<string, Geography> Of(IEnumerable<SiteConfig> sites) => sites
        .Where(s => s.Kind != SiteKind.Orbital)
        .Select(s => s.Jurisdiction)
        .Append(Global)
        .Append(Us)
        .Distinct(StringComparer.Ordinal)
        .ToFrozenDictionary(id => id, id => new Geography(id), StringComparer.Ordinal);
}
