using Forebay.Core.Capacity;

namespace Forebay.Core.Serving;

/// <summary>Whether a residency policy lets a site serve. Fails closed.</summary>
public static class ResidencyRule
{
    /// <summary>The jurisdiction that stands for every one.</summary>
    public const string AnyJurisdiction = "*";

    /// <summary>What holds for a tenant without a policy.</summary>
    public static ResidencyPolicyConfig Default { get; } = new() { Id = "default", Jurisdictions = [AnyJurisdiction] };

    /// <summary>Without a policy every site may serve but orbital ones; with one, what it does not name is denied.
    /// </summary>
    public static bool Allows(ResidencyPolicyConfig? policy, SiteConfig site)
    {
        if (policy is null)
        {
            return site.Kind != SiteKind.Orbital;
        }

        return Array.IndexOf(policy.SiteKinds, site.Kind) >= 0
            && (Array.IndexOf(policy.Jurisdictions, site.Jurisdiction) >= 0
                || Array.IndexOf(policy.Jurisdictions, AnyJurisdiction) >= 0);
    }
}
