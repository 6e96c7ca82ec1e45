using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;

namespace Forebay.Core.Serving.Permission;

/// <summary>Rules over residency policies, data classes and export rules.</summary>
internal static class PlaceRules
{
    /// <summary>Most entries of one list: what a decision was made on is written down in full.</summary>
    public const int MaxEntries = 100;

    public static void Check(FleetIndex index, List<ConfigProblem> problems)
    {
        FleetConfig config = index.Config;
        for (int i = 0; i < config.ResidencyPolicies.Length; i++)
        {
            CheckLength(config.ResidencyPolicies[i].Jurisdictions, $"residency_policies[{i}].jurisdictions", problems);
        }

        for (int i = 0; i < config.Sites.Length; i++)
        {
            if (config.Sites[i].Jurisdiction == Geography.Global)
            {
                problems.Add(new ConfigProblem(
                    $"sites[{i}].jurisdiction",
                    $"{Geography.Global} is what requests call every place together",
                    "Name the jurisdiction, such as us or eu."));
            }
        }

        for (int i = 0; i < config.Models.Length; i++)
        {
            CheckExport(config.Models[i].Export, $"models[{i}].export", problems);
        }

        for (int i = 0; i < config.Tenants.Length; i++)
        {
            CheckDefaultClass(index, config.Tenants[i], $"tenants[{i}].data_class", problems);
        }
    }

    private static void CheckExport(ExportRuleConfig? rule, string path, List<ConfigProblem> problems)
    {
        if (rule is null)
        {
            return;
        }

        CheckOnly(rule.OnlyJurisdictions?.Length, $"{path}.only_jurisdictions", problems);
        CheckOnly(rule.OnlyCountries?.Length, $"{path}.only_countries", problems);
        CheckOnly(rule.OnlySiteKinds?.Length, $"{path}.only_site_kinds", problems);
        CheckLength(rule.DenyJurisdictions, $"{path}.deny_jurisdictions", problems);
        CheckLength(rule.DenyCountries, $"{path}.deny_countries", problems);
        CheckLength(rule.OnlyJurisdictions ?? [], $"{path}.only_jurisdictions", problems);
        CheckLength(rule.OnlyCountries ?? [], $"{path}.only_countries", problems);
    }

    private static void CheckOnly(int? entries, string path, List<ConfigProblem> problems)
    {
        if (entries == 0)
        {
            problems.Add(new ConfigProblem(
                path, "the list is empty: the model may run nowhere", "List where it may run, or leave it out."));
        }
    }

    private static void CheckLength(string[] list, string path, List<ConfigProblem> problems)
    {
        if (list.Length > MaxEntries)
        {
            problems.Add(new ConfigProblem(
                path, $"the list has {list.Length} entries", $"List {MaxEntries} at most."));
        }
    }

    /// <summary>A tenant whose own class leaves it nothing could send nothing that names no other.</summary>
    private static void CheckDefaultClass(
        FleetIndex index, TenantConfig tenant, string path, List<ConfigProblem> problems)
    {
        if (tenant.DataClass is not { } id || index.Config.Deployments.Length == 0
            || index.Policy(Array.Find(index.Config.DataClasses, c => c.Id == id)?.Residency) is not { } narrower)
        {
            return;
        }

        // Models that place themselves run somewhere else tomorrow: nothing follows from where they run now.
        ResidencyPolicyConfig? policy = index.Policy(tenant.Residency);
        bool placesItself = Array.Exists(
            index.Config.Models,
            m => m.Versions.Length > 0 && (tenant.Models is null || tenant.Models.Contains(m.Id)));
        bool any = placesItself || index.Config.Deployments.Any(d =>
            (tenant.Models is null || tenant.Models.Contains(d.Model))
            && (index.Site(index.Pool(d.Pool)?.Site) is not { } site
                || (ServingPlaces.Allows(policy, d, site) && ServingPlaces.Allows(narrower, d, site))));
        if (!any)
        {
            problems.Add(new ConfigProblem(
                path,
                $"data class {id} and the tenant's residency together exclude every deployment that tenant "
                    + $"{tenant.Id} may use",
                "Give it another class, or widen one of the two policies."));
        }
    }
}
