using System.Runtime.CompilerServices;

namespace Forebay.Core.Serving.Permission;

/// <summary>
/// Where one request may be served as far as its data goes: every rule named here must allow a place. References into
/// one snapshot, compared as such.
/// </summary>
/// <param name="residency">The tenant's policy; null allows every site but orbital ones.</param>
/// <param name="keyClass">The data class of the API key, which no request can leave; null for none.</param>
/// <param name="dataClass">The class that the request names, or else its tenant's; null for none.</param>
/// <param name="geography">What the request asked for; null for nothing.</param>
public readonly struct PermissionRules(
    ResidencyPolicyConfig? residency,
    DataClass? keyClass = null,
    DataClass? dataClass = null,
    Geography? geography = null) : IEquatable<PermissionRules>
{
    public ResidencyPolicyConfig? Residency => residency;

    public DataClass? KeyClass => keyClass;

    public DataClass? DataClass => dataClass;

    public Geography? Geography => geography;

    /// <summary>Whether every rule allows a site.</summary>
    public bool Allow(Capacity.SiteConfig site) =>
        ResidencyRule.Allows(residency, site)
        && (keyClass is null || ResidencyRule.Allows(keyClass.Policy, site))
        && (dataClass is null || ResidencyRule.Allows(dataClass.Policy, site))
        && (geography?.Policy is not { } geo || ResidencyRule.Allows(geo, site));

    public bool Equals(PermissionRules other) =>
        ReferenceEquals(residency, other.Residency)
        && ReferenceEquals(keyClass, other.KeyClass)
        && ReferenceEquals(dataClass, other.DataClass)
        && ReferenceEquals(geography, other.Geography);

    public override bool Equals(object? obj) => obj is PermissionRules other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(
        RuntimeHelpers.GetHashCode(residency),
        RuntimeHelpers.GetHashCode(keyClass),
        RuntimeHelpers.GetHashCode(dataClass),
        RuntimeHelpers.GetHashCode(geography));

    public static bool operator ==(PermissionRules a, PermissionRules b) => a.Equals(b);

    public static bool operator !=(PermissionRules a, PermissionRules b) => !a.Equals(b);
}
