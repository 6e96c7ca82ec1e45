using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Links;

namespace Forebay.Core.Capacity;

/// <summary>Rules over sites and pools.</summary>
internal static class CapacityRules
{
    public static void Check(FleetIndex index, IReadOnlySet<string> knownAccelerators, List<ConfigProblem> problems)
    {
        for (int i = 0; i < index.Config.Sites.Length; i++)
        {
            CheckSite(index.Config.Sites[i], $"sites[{i}]", problems);
            LinkRules.Check(index.Config.Sites[i], $"sites[{i}]", problems);
        }

        for (int i = 0; i < index.Config.Pools.Length; i++)
        {
            CheckPool(index, index.Config.Pools[i], $"pools[{i}]", knownAccelerators, problems);
        }
    }

    private static void CheckSite(SiteConfig site, string path, List<ConfigProblem> problems)
    {
        if (site.Kind != SiteKind.Orbital && site.Country is null)
        {
            problems.Add(new ConfigProblem(
                $"{path}.country",
                "country is left out, which only an orbital site may do",
                "Add country, such as US, or set kind: orbital."));
        }

        if (site.Kind == SiteKind.Orbital && site.Country is not null)
        {
            problems.Add(new ConfigProblem(
                $"{path}.country",
                $"kind is orbital, but country is {Words.Quote(site.Country)}",
                "Take country out: orbit is a jurisdiction of its own."));
        }

        if (site.Latitude is null != site.Longitude is null)
        {
            string given = site.Latitude is null ? "longitude" : "latitude";
            string missing = site.Latitude is null ? "latitude" : "longitude";
            problems.Add(new ConfigProblem(
                $"{path}.{given}", $"{given} is given without {missing}", $"Give both, or neither."));
        }
    }

    private static void CheckPool(
        FleetIndex index,
        PoolConfig pool,
        string path,
        IReadOnlySet<string> knownAccelerators,
        List<ConfigProblem> problems)
    {
        if (pool.Accelerators is null == pool.Quota is null)
        {
            string found = pool.Quota is null ? "neither accelerators nor quota" : "both accelerators and quota";
            problems.Add(new ConfigProblem(
                path, $"the pool has {found}", "Give accelerators or quota, one of them."));
        }

        if (pool.Accelerators is { } accelerators)
        {
            CheckAccelerators(accelerators, $"{path}.accelerators", knownAccelerators, problems);
        }

        if (pool.Quota is { RequestsPerMinute: null, ProvisionedUnits: null }
            && pool.Quota is { InputTokensPerMinute: null, OutputTokensPerMinute: null, TokensPerMinute: null })
        {
            problems.Add(new ConfigProblem(
                $"{path}.quota",
                "the quota limits nothing",
                "Give requests_per_minute, input_tokens_per_minute, output_tokens_per_minute, tokens_per_minute or " +
                "provisioned_units."));
        }

        if (index.Commitment(pool.Commitment) is { } commitment && index.Site(pool.Site) is { } site
            && commitment.Provider.Length > 0 && site.Provider.Length > 0 && commitment.Provider != site.Provider)
        {
            problems.Add(new ConfigProblem(
                $"{path}.commitment",
                $"commitment {commitment.Id} is owed by provider {Words.Quote(commitment.Provider)}, "
                    + $"but site {site.Id} is run by {Words.Quote(site.Provider)}",
                "Name a commitment and a site of the same provider."));
        }
    }

    private static void CheckAccelerators(
        PoolAcceleratorsConfig accelerators,
        string path,
        IReadOnlySet<string> knownAccelerators,
        List<ConfigProblem> problems)
    {
        if (accelerators.Type.Length > 0 && !knownAccelerators.Contains(accelerators.Type))
        {
            string[] known = [.. knownAccelerators.Order(StringComparer.Ordinal)];
            problems.Add(new ConfigProblem(
                $"{path}.type",
                $"the catalogue has no accelerator {Words.Quote(accelerators.Type)}",
                Suggestion.Sentence(accelerators.Type, known)));
        }

        if (accelerators.Count is { } count && (IsFraction(count.Value) || IsFraction(count.Min)
            || IsFraction(count.Max)))
        {
            problems.Add(new ConfigProblem(
                $"{path}.count", $"{Words.Show(count)} is not a whole number", "Count whole accelerators."));
        }
    }

    private static bool IsFraction(decimal? number) => number is { } n && n != decimal.Truncate(n);
}
