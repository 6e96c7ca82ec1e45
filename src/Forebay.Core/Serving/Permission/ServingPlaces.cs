using System.Collections.Immutable;
using Forebay.Core.Capacity;
using Forebay.Core.Fleet;

namespace Forebay.Core.Serving.Permission;

/// <summary>
/// Every place where a deployment may serve a request. Most have one, their site. One whose provider moves requests
/// between regions as it likes has several, and a request may go there only if it may run in each of them.
/// </summary>
public static class ServingPlaces
{
    /// <summary>The places of a deployment: its site, or its site as it would be in each jurisdiction that
    /// <c>runs_in</c> names. Which country that is nobody tells, so that rules over countries fail closed.</summary>
    public static ImmutableArray<SiteConfig> Of(DeploymentConfig deployment, SiteConfig site) =>
        deployment.RunsIn is not { } jurisdictions
            ? [site]
            : [.. jurisdictions.Select(j => site with { Jurisdiction = j, Country = null })];

    /// <summary>Whether a residency policy allows all of a deployment's places.</summary>
    public static bool Allows(ResidencyPolicyConfig? policy, Deployment deployment)
    {
        foreach (SiteConfig place in deployment.Places)
        {
            if (!ResidencyRule.Allows(policy, place))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether a residency policy allows all of a deployment's places.</summary>
    public static bool Allows(ResidencyPolicyConfig? policy, DeploymentConfig deployment, SiteConfig site) =>
        Of(deployment, site).All(p => ResidencyRule.Allows(policy, p));

    /// <summary>Whether the file's rule allows a model's weights in all of a deployment's places.</summary>
    public static bool Allows(ExportRuleConfig? file, Deployment deployment) =>
        deployment.Places.All(p => ExportRule.Allows(file, p));

    /// <summary>Whether the operator's denials leave a model's weights all of a deployment's places.</summary>
    public static bool Allows(ExportDenials api, Deployment deployment) =>
        deployment.Places.All(p => ExportRule.Allows(api, p));

    /// <summary>Whether every rule over a request's data allows all of a deployment's places.</summary>
    public static bool Allow(in PermissionRules rules, Deployment deployment)
    {
        foreach (SiteConfig place in deployment.Places)
        {
            if (!rules.Allow(place))
            {
                return false;
            }
        }

        return true;
    }
}
