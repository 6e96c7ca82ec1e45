using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Placement;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Engine;

namespace Forebay.Core.Serving.Versions;

/// <summary>Rules over model versions, their builds, and what placement owes models.</summary>
internal static class VersionRules
{
    private const double BytesPerGb = 1e9;

    public static void Check(FleetIndex index, IReadOnlySet<string> knownAccelerators, List<ConfigProblem> problems)
    {
        for (int i = 0; i < index.Config.Models.Length; i++)
        {
            ModelConfig model = index.Config.Models[i];
            string path = $"models[{i}]";
            CheckIds(model.Versions.Select(v => v.Id), $"{path}.versions", problems);
            CheckPlacement(model, $"{path}.placement", problems);
            for (int j = 0; j < model.Versions.Length; j++)
            {
                CheckVersion(model, model.Versions[j], $"{path}.versions[{j}]", knownAccelerators, problems);
            }
        }

        for (int i = 0; i < index.Config.Pools.Length; i++)
        {
            if (index.Config.Pools[i] is { Placement: PoolPlacement.Automatic, Accelerators: null })
            {
                problems.Add(new ConfigProblem(
                    $"pools[{i}].placement",
                    "placement is automatic, but the pool holds no accelerators to place replicas on",
                    "Use manual for an API quota."));
            }
        }
    }

    private static void CheckIds(IEnumerable<string> ids, string path, List<ConfigProblem> problems)
    {
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        int at = 0;
        foreach (string id in ids)
        {
            if (id.Length > 0 && !seen.TryAdd(id, at))
            {
                problems.Add(new ConfigProblem(
                    $"{path}[{at}].id",
                    $"{Words.Quote(id)} is the id of {path}[{seen[id]}] already",
                    "Give each its own id."));
            }

            at++;
        }
    }

    private static void CheckPlacement(ModelConfig model, string path, List<ConfigProblem> problems)
    {
        ModelPlacementConfig owed = model.Placement;
        if (model.Versions.Length == 0 && (owed.MinimumReplicas > 0 || owed.Markets.Length > 0))
        {
            string key = owed.MinimumReplicas > 0 ? "minimum_replicas" : "markets";
            problems.Add(new ConfigProblem(
                $"{path}.{key}",
                $"{key} is given, but {model.Id} has no versions that could be placed",
                "Add versions, or take it out."));
        }

        if (owed.MinimumGroups > 1 && owed.MinimumReplicas == 0)
        {
            problems.Add(new ConfigProblem(
                $"{path}.minimum_groups",
                $"minimum_groups is {owed.MinimumGroups}, but minimum_replicas is 0: nothing would have to survive",
                "Give minimum_replicas, or take minimum_groups out.") { OtherPath = $"{path}.minimum_replicas" });
        }
    }

    private static void CheckVersion(
        ModelConfig model,
        ModelVersionConfig version,
        string path,
        IReadOnlySet<string> knownAccelerators,
        List<ConfigProblem> problems)
    {
        if (version.Builds.Length == 0)
        {
            problems.Add(new ConfigProblem(
                $"{path}.builds", "the list is empty: the version could run nowhere", "Add a build."));
        }

        CheckIds(version.Builds.Select(b => b.Id), $"{path}.builds", problems);
        for (int i = 0; i < version.Builds.Length; i++)
        {
            ModelBuildConfig build = version.Builds[i];
            string at = $"{path}.builds[{i}]";
            CheckEngine(build.Engine, $"{at}.engine", problems);
            if (build.Accelerators.Length == 0)
            {
                problems.Add(new ConfigProblem(
                    $"{at}.accelerators", "the list is empty", "List the types of chips that it runs on."));
            }

            for (int j = 0; j < build.Accelerators.Length; j++)
            {
                string type = build.Accelerators[j];
                if (!knownAccelerators.Contains(type))
                {
                    problems.Add(new ConfigProblem(
                        $"{at}.accelerators[{j}]",
                        $"the catalogue has no accelerator {Words.Quote(type)}",
                        Suggestion.Sentence(type, [.. knownAccelerators.Order(StringComparer.Ordinal)])));
                }
                else if (AcceleratorCatalogue.BuiltIn.Find(type) is { } chip)
                {
                    CheckChip(model, version, build, chip, (at, j), problems);
                }
            }
        }
    }

    /// <summary>What runs a build is told in one way, and can be told its port.</summary>
    private static void CheckEngine(BuildEngineConfig engine, string path, List<ConfigProblem> problems)
    {
        int ways = ((object?[])[engine.Command, engine.Image, engine.Emulated]).Count(way => way is not null);
        if (ways != 1)
        {
            problems.Add(new ConfigProblem(
                path,
                ways == 0 ? "nothing says what runs it" : "several ways to run it are given",
                "Give one of command, image, emulated."));
        }

        bool portToldElsewhere = engine.Environment.Any(e => e.Contains("{port}", StringComparison.Ordinal));
        if (engine.Command is { } command && !command.Contains("{port}", StringComparison.Ordinal)
            && !portToldElsewhere)
        {
            problems.Add(new ConfigProblem(
                $"{path}.command",
                "the command does not say on which port to listen",
                "Put {port} where the engine takes its port."));
        }

        if (engine.Dialects.Length == 0)
        {
            problems.Add(new ConfigProblem(
                $"{path}.dialects", "the list is empty", "List what the engine speaks: anthropic, openai."));
        }

        if (engine.StartTimeoutSeconds < engine.StartSeconds)
        {
            problems.Add(new ConfigProblem(
                $"{path}.start_timeout_seconds",
                $"start_timeout_seconds is {engine.StartTimeoutSeconds}, below start_seconds, which is "
                    + $"{engine.StartSeconds}",
                "Raise it: every start would count as failed.") { OtherPath = $"{path}.start_seconds" });
        }
    }

    /// <summary>A build fits each chip that it names: the precision exists there, the gang fits one interconnect
    /// domain, weights fit memory, and there is a performance to place by.</summary>
    private static void CheckChip(
        ModelConfig model,
        ModelVersionConfig version,
        ModelBuildConfig build,
        Accelerator chip,
        (string Path, int Index) at,
        List<ConfigProblem> problems)
    {
        string path = $"{at.Path}.accelerators[{at.Index}]";
        int n = build.AcceleratorsPerReplica;
        if (!BuildPerformance.Computes(chip, build.Precision))
        {
            problems.Add(new ConfigProblem(
                path,
                $"{chip.Name} does not compute in {ConfigShape.Of(typeof(WeightPrecision)).WordOf(build.Precision)}",
                "Take the chip out of this build, or give it a build of its own in a precision that it has."));
            return;
        }

        if (n > chip.InterconnectDomain.Value)
        {
            problems.Add(new ConfigProblem(
                path,
                $"a replica spans {n} accelerators, but only {chip.InterconnectDomain.Value:0} {chip.Name} share one "
                    + "interconnect domain",
                "Lower accelerators_per_replica, or take the chip out of this build.")
            { OtherPath = $"{at.Path}.accelerators_per_replica" });
            return;
        }

        double share = EngineCalibration.Default.MemoryShare;
        double usableGb = n * chip.HbmGb.Value * share;
        string arithmetic = $"{n} x {chip.HbmGb.Value:0.#} GB x {share:0.##} usable = {usableGb:0.#} GB";
        double weightsGb = version.Weights.SizeBytes / BytesPerGb;
        if (weightsGb > usableGb)
        {
            int enough = (int)Math.Ceiling(weightsGb / (chip.HbmGb.Value * share));
            problems.Add(new ConfigProblem(
                path,
                $"the weights take {weightsGb:0.#} GB, but {n} {chip.Name} hold {arithmetic}",
                $"Raise accelerators_per_replica to {enough} or more, or take the chip out of this build.")
            { OtherPath = $"{at.Path}.accelerators_per_replica" });
            return;
        }

        if (build.MemoryGb is { } needed && (needed > usableGb || needed < weightsGb))
        {
            problems.Add(new ConfigProblem(
                $"{at.Path}.memory_gb",
                needed > usableGb
                    ? $"memory_gb is {needed:0.#}, but {n} {chip.Name} hold {arithmetic}"
                    : $"memory_gb is {needed:0.#}, below the weights alone, {weightsGb:0.#} GB",
                needed > usableGb ? "Raise accelerators_per_replica, or take the chip out of this build."
                    : "Count weights, KV cache and activations."));
            return;
        }

        if (build.Performance is null && model.ParametersBillion.HasNumber
            && BuildPerformance.Derive(model, build, chip, out string why) is null)
        {
            problems.Add(new ConfigProblem(
                path, $"the engine model cannot say how fast it is there: {why}",
                "Give performance, measured, or change what it names."));
        }
    }
}
