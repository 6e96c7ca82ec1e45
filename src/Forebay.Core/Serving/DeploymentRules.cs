using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Health;
using Forebay.Core.Serving.Providers;

namespace Forebay.Core.Serving;

/// <summary>Rules over deployments: what they take of their pool, and how their endpoint is reached.</summary>
internal static class DeploymentRules
{
    private const int MaxNamed = 5;

    public static void Check(FleetIndex index, bool isWhole, List<ConfigProblem> problems)
    {
        DeploymentConfig[] deployments = index.Config.Deployments;
        for (int i = 0; i < deployments.Length; i++)
        {
            string path = $"deployments[{i}]";
            CheckAccelerators(deployments[i], index.Pool(deployments[i].Pool), path, problems);
            CheckEndpoint(deployments[i], path, problems);
            ProviderRules.Check(deployments[i], index.Site(index.Pool(deployments[i].Pool)?.Site), path, problems);
            CheckTimeouts(deployments[i].Timeouts, $"{path}.timeouts", problems);
            HealthRules.Check(deployments[i].Health, $"{path}.health", problems);
            ModelRules.CheckPrices(deployments[i].Cost, $"{path}.cost", problems);
        }

        CheckPools(index, isWhole, problems);
        CheckContinuation(index.Config, problems);
    }

    private static void CheckContinuation(FleetConfig config, List<ConfigProblem> problems)
    {
        for (int i = 0; i < config.Models.Length; i++)
        {
            string model = config.Models[i].Id;
            DeploymentConfig[] serving = [.. config.Deployments.Where(d => d.Model == model)];
            if (config.Models[i].Continuation == ContinuationManner.ContinueFinalMessage
                && serving.Length > 0
                && !serving.Any(d => d.Dialects.Contains(Dialect.OpenAi)))
            {
                problems.Add(new ConfigProblem(
                    $"models[{i}].continuation",
                    $"continuation is continue_final_message, but no deployment of {model} speaks openai",
                    "Use assistant_prefill or none, or add openai to the dialects of a deployment."));
            }
        }
    }

    private static void CheckAccelerators(
        DeploymentConfig deployment,
        PoolConfig? pool,
        string path,
        List<ConfigProblem> problems)
    {
        if (pool is { Accelerators: not null, Quota: null } && deployment.AcceleratorsPerReplica == 0)
        {
            problems.Add(new ConfigProblem(
                $"{path}.accelerators_per_replica",
                $"accelerators_per_replica is 0, but pool {pool.Id} holds accelerators",
                "Say how many accelerators each replica takes."));
        }

        if (pool is { Accelerators: null, Quota: not null } && deployment.AcceleratorsPerReplica > 0)
        {
            problems.Add(new ConfigProblem(
                $"{path}.accelerators_per_replica",
                $"accelerators_per_replica is {deployment.AcceleratorsPerReplica}, but pool {pool.Id} is an API quota",
                "Take it out."));
        }
    }

    /// <summary>For every pool, what its deployments take fits what may be counted on: the low end of its count, and
    /// of a file by itself the most that its commitment ever owes. One problem names all pools.</summary>
    private static void CheckPools(FleetIndex index, bool isWhole, List<ConfigProblem> problems)
    {
        ILookup<string, DeploymentConfig> byPool =
            index.Config.Deployments.ToLookup(d => d.Pool, StringComparer.Ordinal);
        var over = new List<(int Pool, string Message, bool IsRange, bool IsOwed)>();
        for (int i = 0; i < index.Config.Pools.Length; i++)
        {
            PoolConfig pool = index.Config.Pools[i];
            if (pool.Accelerators?.Count is not { HasNumber: true } count)
            {
                continue;
            }

            DeploymentConfig[] takers = [.. byPool[pool.Id].Where(d => d.AcceleratorsPerReplica > 0)];
            long taken = takers.Sum(d => (long)d.Replicas * d.AcceleratorsPerReplica);
            CommitmentConfig? commitment = isWhole ? null : index.Commitment(pool.Commitment);
            decimal owed = commitment is null ? count.Low : decimal.Floor(count.Low * MostShare(commitment));
            if (taken > Math.Min(owed, count.Low))
            {
                string parts = string.Join(
                    " + ", takers.Take(MaxNamed).Select(d => $"{d.Id} {d.Replicas} x {d.AcceleratorsPerReplica}"));
                over.Add((
                    i,
                    $"the deployments on pool {pool.Id} take {taken} accelerators ({parts}"
                        + (takers.Length > MaxNamed ? " + ..." : "") + "), but "
                        + (taken > count.Low ? $"count is {Words.Show(count)}"
                            : $"commitment {commitment!.Id} owes it {owed} at most"),
                    count.Value is null,
                    taken <= count.Low));
            }
        }

        if (over.Count > 0)
        {
            problems.Add(new ConfigProblem(
                $"pools[{over[0].Pool}].accelerators.count",
                string.Join("; ", over.Select(o => o.Message)),
                "Lower replicas or accelerators_per_replica, or raise count"
                    + (over.Exists(o => o.IsOwed) ? " or the commitment's ramp" : "") + "."
                    + (over.Exists(o => o.IsRange) ? " A range counts with its lower end." : "")));
        }
    }

    /// <summary>The largest share of its quantity that a commitment ramps to; 1 where nobody can tell.</summary>
    private static decimal MostShare(CommitmentConfig commitment)
    {
        Figure whole = commitment.Quantity;
        if (commitment.Ramp.Length == 0 || !whole.HasNumber || commitment.Ramp.Any(s => !s.Quantity.HasNumber))
        {
            return 1;
        }

        decimal most = whole.Low > 0 ? whole.Low : whole.High;
        return most <= 0 ? 1 : Math.Clamp(commitment.Ramp.Max(s => s.Quantity.Low) / most, 0, 1);
    }

    private static void CheckEndpoint(DeploymentConfig deployment, string path, List<ConfigProblem> problems)
    {
        if (deployment.Dialects.Length == 0)
        {
            problems.Add(new ConfigProblem(
                $"{path}.dialects", "the list is empty", "List what the endpoint speaks: anthropic, openai."));
        }

        CheckDialects(deployment, path, problems);
        UrlRules.Check($"{path}.endpoint", deployment.Endpoint, UrlRules.Http, problems);
        UrlRules.Check($"{path}.proxy", deployment.Proxy, UrlRules.Proxy, problems);
        if (deployment.Endpoint is { IsAbsoluteUri: true } endpoint
            && endpoint.AbsolutePath.TrimEnd('/').EndsWith("/v1", StringComparison.Ordinal))
        {
            problems.Add(new ConfigProblem(
                $"{path}.endpoint", "the URL ends with /v1, which is added to it", "Take /v1 out."));
        }

        if (deployment.Tls is { } tls && tls.ClientCertificateFile is null != tls.ClientKeyFile is null)
        {
            string given = tls.ClientKeyFile is null ? "client_certificate_file" : "client_key_file";
            string missing = tls.ClientKeyFile is null ? "client_key_file" : "client_certificate_file";
            problems.Add(new ConfigProblem(
                $"{path}.tls.{given}", $"{given} is given without {missing}", "Give both, or neither."));
        }
    }

    private static void CheckDialects(DeploymentConfig deployment, string path, List<ConfigProblem> problems)
    {
        Dialect[] spoken = SpokenBy(deployment.Api);
        Dialect[] others = [.. deployment.Dialects.Except(spoken)];
        if (others.Length > 0)
        {
            string known = spoken.Length == 0 ? "none of them" : string.Join(", ", spoken.Select(WordOf));
            problems.Add(new ConfigProblem(
                $"{path}.dialects",
                $"{string.Join(", ", others.Select(WordOf))}: api {WordOf(deployment.Api)} speaks {known}",
                "List only what the API speaks, or change api."));
        }
    }

    private static string WordOf<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    /// <summary>The dialects that a provider's API speaks.</summary>
    private static Dialect[] SpokenBy(ProviderApi api) => api switch
    {
        ProviderApi.Direct => [Dialect.Anthropic, Dialect.OpenAi, Dialect.Responses],
        ProviderApi.Bedrock => [Dialect.Anthropic, Dialect.Converse],
        ProviderApi.Vertex => [Dialect.Anthropic],
        ProviderApi.Azure => [Dialect.Anthropic, Dialect.OpenAi],
        _ => [],
    };

    private static void CheckTimeouts(UpstreamTimeoutsConfig timeouts, string path, List<ConfigProblem> problems)
    {
        (string Key, double Seconds)[] parts =
        [
            ("connect_seconds", timeouts.ConnectSeconds),
            ("first_byte_seconds", timeouts.FirstByteSeconds),
            ("idle_seconds", timeouts.IdleSeconds),
        ];
        foreach ((string key, double seconds) in parts)
        {
            if (seconds > timeouts.TotalSeconds)
            {
                problems.Add(new ConfigProblem(
                    $"{path}.{key}",
                    $"{key} is {seconds}, above total_seconds, which is {timeouts.TotalSeconds}",
                    $"Lower {key} or raise total_seconds.") { OtherPath = $"{path}.total_seconds" });
            }
        }
    }
}
