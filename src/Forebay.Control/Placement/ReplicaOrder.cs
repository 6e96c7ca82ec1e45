using System.Collections.Immutable;
using System.Globalization;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Placement;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Capacity.Transfers;
using Forebay.Core.Execution;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Versions;

namespace Forebay.Control.Placement;

/// <summary>How to start the engine emulator.</summary>
/// <param name="Program">The program.</param>
/// <param name="Arguments">What comes before <c>engine</c>.</param>
public sealed record EmulatorProgram(string Program, ImmutableArray<string> Arguments);

/// <summary>Turns a decision into what an executor is to run. Pure.</summary>
public static class ReplicaOrder
{
    private const long PartBytes = 64L << 20;
    private const string FileName = "weights";

    /// <summary>The order for a decision; null where the fleet no longer has the model, version or build, or nothing
    /// here runs such a build.</summary>
    public static ReplicaWanted? Of(PlacementDecision decision, FleetConfig fleet, EmulatorProgram emulator) => Of(
        decision.ReplicaId, decision.Model, decision.Version, decision.Build, decision.Pool, fleet, emulator);

    /// <summary>What would be ordered now in the place of an order.</summary>
    public static ReplicaWanted? Of(ReplicaWanted known, FleetConfig fleet, EmulatorProgram emulator) =>
        Of(known.Id, known.Model, known.Version, known.Build, known.Pool, fleet, emulator);

    private static ReplicaWanted? Of(
        string replicaId,
        string modelId,
        string versionId,
        string buildId,
        string poolId,
        FleetConfig fleet,
        EmulatorProgram emulator)
    {
        ModelConfig? model = Array.Find(fleet.Models, m => m.Id == modelId);
        ModelVersionConfig? version = Array.Find(model?.Versions ?? [], v => v.Id == versionId);
        ModelBuildConfig? build = Array.Find(version?.Builds ?? [], b => b.Id == buildId);
        PoolConfig? pool = Array.Find(fleet.Pools, p => p.Id == poolId);
        if (model is null || version is null || build is null || pool?.Accelerators is not { } chips || !CanRun(build))
        {
            return null;
        }

        (string program, ImmutableArray<string> arguments) = build.Engine.Emulated is { } emulated
            ? (emulator.Program, [.. emulator.Arguments, .. EmulatorArguments(model, build, chips.Type, emulated)])
            : Split(build.Engine.Command!);
        string Fill(string text) => text
            .Replace("{model}", model.Id, StringComparison.Ordinal)
            .Replace("{version}", version.Id, StringComparison.Ordinal)
            .Replace("{accelerators}", Text(build.AcceleratorsPerReplica), StringComparison.Ordinal)
            .Replace("{devices}", string.Join(',', Enumerable.Range(0, build.AcceleratorsPerReplica)),
                StringComparison.Ordinal)
            .Replace("{replica}", replicaId, StringComparison.Ordinal)
            .Replace("{weights}", $"{{weights:{FileName}}}", StringComparison.Ordinal);
        return new ReplicaWanted
        {
            Id = replicaId,
            Model = model.Id,
            Version = version.Id,
            Build = build.Id,
            Pool = pool.Id,
            Site = pool.Site,
            Resources = new WorkResources(chips.Type, build.AcceleratorsPerReplica),
            Program = Fill(program),
            Arguments = [.. arguments.Select(Fill)],
            Environment = build.Engine.Environment.Select(e => e.Split('=', 2))
                .ToImmutableSortedDictionary(e => e[0], e => Fill(e[1]), StringComparer.Ordinal),
            Weights =
            [
                new ReplicaWeights(
                    FileName,
                    new TransferSpec(
                        new Core.Capacity.Transfers.WeightsFile(
                            version.Weights.Sha256, version.Weights.SizeBytes, PartBytes, [],
                            SourceOf(version.Weights.Source)),
                        new TransferRoute("source", pool.Site, 0))),
            ],
            HealthPath = build.Engine.HealthPath,
            MetricsPath = build.Engine.MetricsPath,
            StartTimeoutMs = (long)(build.Engine.StartTimeoutSeconds * 1000),
            Dialects = [.. build.Engine.Dialects],
            UpstreamModel = model.Id,
            MaxConcurrency = build.MaxConcurrency,
            Backing = build.Engine.Emulated is null ? Backing.Real : Backing.Emulated,
        };
    }

    /// <summary>Whether an executor here runs such a build: processes and the emulator, no containers yet.</summary>
    public static bool CanRun(ModelBuildConfig build) =>
        build.Engine.Emulated is not null || build.Engine.Command is not null;

    /// <summary>The fleet with the builds alone that can be run, for placement to decide on.</summary>
    public static FleetConfig Runnable(FleetConfig fleet) =>
        Array.TrueForAll(fleet.Models, m => Array.TrueForAll(m.Versions, v => Array.TrueForAll(v.Builds, CanRun)))
            ? fleet
            : fleet with
            {
                Models =
                [
                    .. fleet.Models.Select(m => m with
                    {
                        Versions = [.. m.Versions.Select(v => v with { Builds = [.. v.Builds.Where(CanRun)] })],
                    }),
                ],
            };

    /// <summary>Splits a command line at white space; quotes, single or double, hold a part together.</summary>
    public static (string Program, ImmutableArray<string> Arguments) Split(string command)
    {
        var parts = new List<string>();
        var part = new System.Text.StringBuilder();
        char quote = '\0';
        bool open = false;
        foreach (char c in command)
        {
            if (quote == '\0' && char.IsWhiteSpace(c))
            {
                Take();
            }
            else if (quote == '\0' && c is '"' or '\'')
            {
                (quote, open) = (c, true);
            }
            else if (c == quote)
            {
                quote = '\0';
            }
            else
            {
                part.Append(c);
                open = true;
            }
        }

        Take();
        return parts.Count == 0 ? ("", []) : (parts[0], [.. parts.Skip(1)]);

        void Take()
        {
            if (open)
            {
                parts.Add(part.ToString());
                part.Clear();
                open = false;
            }
        }
    }

    private static IEnumerable<string> EmulatorArguments(
        ModelConfig model, ModelBuildConfig build, string chip, EmulatedEngineConfig emulated)
    {
        yield return "engine";
        foreach ((string name, string value) in ((string, string)[])
        [
            ("--port", "{port}"),
            ("--model", model.Id),
            ("--accelerator", chip),
            ("--accelerators-per-replica", Text(build.AcceleratorsPerReplica)),
            ("--parameters-billion", Text(model.ParametersBillion.High)),
            ("--bytes-per-weight", Text(BuildPerformance.BytesPerWeight(build.Precision))),
            ("--context-tokens", Text(model.ContextTokens)),
            ("--time-scale", Text(emulated.TimeScale)),
            ("--weights", "{weights}"),
        ])
        {
            yield return name;
            yield return value;
        }

        if (model.ActiveParametersBillion is { } active)
        {
            yield return "--active-parameters-billion";
            yield return Text(active.High);
        }
    }

    private static Uri SourceOf(string source) => Uri.TryCreate(source, UriKind.Absolute, out Uri? uri)
        ? uri
        : new Uri(Path.GetFullPath(source));

    private static string Text(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);
}
