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

    public static void Check(FleetIndex index, List<ConfigProblem> problems)
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

        CheckPools(index.Config, problems);
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

    /// <summary>For every pool, what its deployments take fits what may be counted on: the low end of its
    /// count.</summary>
    private static void CheckPools(FleetConfig config, List<ConfigProblem> problems)
    {
        ILookup<string, DeploymentConfig> byPool =
            config.Deployments.ToLookup(d => d.Pool, StringComparer.Ordinal);
        for (int i = 0; i < config.Pools.Length; i++)
        {
            PoolConfig pool = config.Pools[i];
            if (pool.Accelerators?.Count is not { HasNumber: true } count)
            {
                continue;
            }

            DeploymentConfig[] takers = [.. byPool[pool.Id].Where(d => d.AcceleratorsPerReplica > 0)];
            long taken = takers.Sum(d => (long)d.Replicas * d.AcceleratorsPerReplica);
            if (taken > count.Low)
            {
                string parts = string.Join(
                    " + ", takers.Take(MaxNamed).Select(d => $"{d.Id} {d.Replicas} x {d.AcceleratorsPerReplica}"));
                problems.Add(new ConfigProblem(
                    $"pools[{i}].accelerators.count",
                    $"the deployments on pool {pool.Id} take {taken} accelerators ({parts}"
                        + (takers.Length > MaxNamed ? " + ..." : "") + $"), but count is {Words.Show(count)}",
                    "Lower replicas or accelerators_per_replica, or raise count."
                        + (count.Value is null ? " A range counts with its lower end." : "")));
            }
        }
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
        ProviderApi.Direct => [Dialect.Anthropic, Dialect.OpenAi],
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
