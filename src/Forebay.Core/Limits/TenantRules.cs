using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;

namespace Forebay.Core.Limits;

/// <summary>Rules over tenants and their residency policies.</summary>
internal static class TenantRules
{
    public static void Check(FleetIndex index, List<ConfigProblem> problems)
    {
        for (int i = 0; i < index.Config.ResidencyPolicies.Length; i++)
        {
            CheckPolicy(index.Config.ResidencyPolicies[i], $"residency_policies[{i}]", problems);
        }

        var served = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
        for (int i = 0; i < index.Config.Tenants.Length; i++)
        {
            CheckTenant(index, index.Config.Tenants[i], $"tenants[{i}]", served, problems);
        }
    }

    private static void CheckPolicy(ResidencyPolicyConfig policy, string path, List<ConfigProblem> problems)
    {
        const string Fix = "List what is allowed; to deny everything, take the tenant's models away instead.";
        if (policy.Jurisdictions.Length == 0)
        {
            problems.Add(new ConfigProblem($"{path}.jurisdictions", "the list is empty: nothing is allowed", Fix));
        }

        if (policy.SiteKinds.Length == 0)
        {
            problems.Add(new ConfigProblem($"{path}.site_kinds", "the list is empty: nothing is allowed", Fix));
        }
    }

    private static void CheckTenant(
        FleetIndex index,
        TenantConfig tenant,
        string path,
        Dictionary<string, HashSet<string>> served,
        List<ConfigProblem> problems)
    {
        if (tenant.Models is { Length: 0 })
        {
            problems.Add(new ConfigProblem(
                $"{path}.models",
                "the list is empty: the tenant could call nothing",
                "Name models, or leave it out for all."));
        }

        if (index.Policy(tenant.Residency) is not { } policy || index.Config.Deployments.Length == 0
            || policy.Jurisdictions.Length == 0 || policy.SiteKinds.Length == 0 || tenant.Models is { Length: 0 })
        {
            return;
        }

        if (!served.TryGetValue(policy.Id, out HashSet<string>? models))
        {
            served.Add(policy.Id, models = ModelsUnder(index, policy));
        }

        if (tenant.Models is null ? models.Count == 0 : !tenant.Models.Any(models.Contains))
        {
            problems.Add(new ConfigProblem(
                $"{path}.residency",
                $"residency policy {policy.Id} excludes every deployment of every model that tenant {tenant.Id} "
                    + "may use",
                "Add a deployment where the policy allows it, or widen the policy's jurisdictions or site_kinds."));
        }
    }

    /// <summary>Models with a deployment that the policy allows, and those that place themselves: where they run
    /// changes by the minute, and a fleet must not be refused because the last replica in a place leaves it. A
    /// deployment whose place is not known counts: what is wrong with it is reported at its own key.</summary>
    private static HashSet<string> ModelsUnder(FleetIndex index, ResidencyPolicyConfig policy) => index.Config
        .Deployments
        .Where(d => index.Site(index.Pool(d.Pool)?.Site) is not { } site || ServingPlaces.Allows(policy, d, site))
        .Select(d => d.Model)
        .Concat(index.Config.Models.Where(m => m.Versions.Length > 0).Select(m => m.Id))
        .ToHashSet(StringComparer.Ordinal);
}
