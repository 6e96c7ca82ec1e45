using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Forebay.Control.FleetFile;
using Forebay.Control.Replicas;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Links;
using Forebay.Executors.Local;
using Forebay.Executors.Weights;
using Forebay.Storage;
using Microsoft.Extensions.Logging;

namespace Forebay.Serve;

/// <summary>
/// The replicas of a server: their loop, the processes and weights under it, and the fleet above it. Engines outlive
/// it; the next one over the same data directory takes them over.
/// </summary>
public sealed class ReplicaRuntime : IAsyncDisposable
{
    /// <summary>The owner of the replicas' part of the fleet.</summary>
    public const string Owner = "replicas";

    private readonly LocalProcessExecutor _executor;
    private readonly WeightsDepot _weights;
    private readonly ReplicaMetrics _metrics;
    private static readonly ConditionalWeakTable<LinkConfig, LinkSchedule> Schedules = [];
    private readonly Lock _lock = new();
    private ImmutableArray<ReplicaWanted>? _wanted;

    private ReplicaRuntime(LocalProcessExecutor executor, WeightsDepot weights, ReplicaLoop loop) =>
        (_executor, _weights, Loop, _metrics) = (executor, weights, loop, new ReplicaMetrics(loop));

    public ReplicaLoop Loop { get; }

    /// <summary>What shall run; the loop follows at once. Until this is set for the first time, what ran before is
    /// what shall run: a restart stops nothing.</summary>
    public ImmutableArray<ReplicaWanted> Wanted
    {
        get
        {
            lock (_lock)
            {
                return _wanted ?? [.. Loop.List().Select(r => r.State).Where(IsWantedStill).Select(s => s.Spec)];
            }
        }

        set
        {
            lock (_lock)
            {
                _wanted = value;
            }

            Loop.Nudge();
        }
    }

    /// <summary>Opens what is kept in the data directory; nothing runs until the loop is started.</summary>
    public static async Task<ReplicaRuntime> OpenAsync(
        string dataDirectory,
        FleetState fleet,
        LocalStore store,
        IManagedFleet managed,
        Func<ReplicaWanted, bool> mayStart,
        Func<string, string> readSecret,
        TimeProvider time,
        ILoggerFactory logs,
        CancellationToken cancel)
    {
        var executor = new LocalProcessExecutor(
            new LocalProcessOptions { Folder = Path.Combine(dataDirectory, "work") }, time);
        var options = new WeightsOptions
        {
            Folder = Path.Combine(dataDirectory, "weights"),
            LinkOf = site => Array.Find(fleet.Model.Config.Sites, s => s.Id == site)?.Link is { } link
                ? Schedules.GetValue(link, LinkSchedule.Compile)
                : LinkSchedule.Ideal,
        };
        WeightsDepot weights = await WeightsDepot.OpenAsync(
            options, store.Transfers, time, Random.Shared.NextDouble, logs.CreateLogger<WeightsDepot>(), cancel);
        ReplicaRuntime? runtime = null;
        ReplicaLoop loop = await ReplicaLoop.OpenAsync(
            new ReplicaLoopParts
            {
                Executor = executor,
                Weights = weights,
                Store = store.Replicas,
                Wanted = _ => ValueTask.FromResult(runtime!.Wanted),
                Publish = (ready, stop) => PublishAsync(managed, ready, stop),
                InFlight = fleet.InFlightAt,
                MayStart = mayStart,
                ReadSecret = readSecret,
                Time = time,
                Jitter = Random.Shared.NextDouble,
                Logger = logs.CreateLogger<ReplicaLoop>(),
            },
            cancel);
        runtime = new ReplicaRuntime(executor, weights, loop);
        return runtime;
    }

    public async ValueTask DisposeAsync()
    {
        _metrics.Dispose();
        await Loop.DisposeAsync();
        await _weights.DisposeAsync();
        _executor.Dispose();
    }

    private static bool IsWantedStill(ReplicaState state) => state.Held || state is not
    {
        Phase: ReplicaPhase.Draining or ReplicaPhase.Stopping or ReplicaPhase.Stopped, After: AfterStop.Stop,
    };

    private static async Task PublishAsync(
        IManagedFleet managed, ImmutableArray<DeploymentConfig> ready, CancellationToken cancel)
    {
        IReadOnlyList<ConfigProblem> problems = await managed.ApplyManagedAsync(
            Owner, part => part with { Deployments = [.. ready] }, Owner, cancel);
        if (problems.Count > 0)
        {
            string said = string.Join(" ", problems.Select(p => $"{p.Path}: {p.Message}."));
            throw new InvalidOperationException($"The fleet does not take the replicas: {said}");
        }
    }
}
