using System.Collections.Immutable;
using Forebay.Control.Replicas;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Capacity.Transfers;
using Forebay.Core.Execution;
using Forebay.Core.Serving;
using Forebay.Executors.Local;
using Forebay.Executors.Weights;
using Forebay.FunctionalTests.Server;
using Forebay.Storage;
using Forebay.Storage.Data;
using Forebay.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Forebay.FunctionalTests.Replicas;

/// <summary>A replica loop over a real executor, a real database and real weights; everything but its folder can be
/// thrown away and opened anew.</summary>
internal sealed class ReplicaRig : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private DataDirectory _directory = null!;
    private LocalStore _store = null!;
    private WeightsDepot _depot = null!;

    public ReplicaLoop Loop { get; private set; } = null!;

    public LocalProcessExecutor Executor { get; private set; } = null!;

    public ImmutableArray<ReplicaWanted> Wanted { get; set; } = [];

    public ReplicaLoopOptions Options { get; set; } = new()
    {
        Interval = TimeSpan.FromMilliseconds(20),
        ProbeInterval = TimeSpan.FromMilliseconds(20),
        Settling = TimeSpan.FromMilliseconds(50),
        Policy = new ReplicaPolicy(FirstWaitMs: 10, MaxWaitMs: 100, StopGraceMs: 20_000),
    };

    public Func<ImmutableArray<DeploymentConfig>, CancellationToken, Task> Publish { get; set; } =
        static (_, _) => Task.CompletedTask;

    public Func<string, int> InFlight { get; set; } = static _ => 0;

    /// <summary>Comes between the loop and what it works with.</summary>
    public Func<IExecutor, IExecutor> AroundExecutor { get; set; } = static e => e;

    public Func<IReplicaStore, IReplicaStore> AroundStore { get; set; } = static s => s;

    public string Folder => _folder.Path;

    public async Task OpenAsync()
    {
        _directory = DataDirectory.Open(_folder.File("data"));
        _store = await LocalStore.OpenAsync(_directory, TimeProvider.System, NullLogger.Instance);
        Executor = new LocalProcessExecutor(
            new LocalProcessOptions { Folder = _folder.File("work") }, TimeProvider.System);
        _depot = await WeightsDepot.OpenAsync(
            new WeightsOptions { Folder = _folder.File("weights"), Policy = new TransferPolicy(FirstWaitMs: 1, MaxWaitMs: 5) },
            _store.Transfers, TimeProvider.System, () => 0.5, NullLogger.Instance, default);
        Loop = await ReplicaLoop.OpenAsync(
            new ReplicaLoopParts
            {
                Executor = AroundExecutor(Executor),
                Weights = _depot,
                Store = AroundStore(_store.Replicas),
                Wanted = _ => ValueTask.FromResult(Wanted),
                Publish = (ready, cancel) => Publish(ready, cancel),
                InFlight = id => InFlight(id),
                ReadSecret = static reference => $"the secret of {reference}",
                Time = TimeProvider.System,
                Jitter = static () => 0.5,
                Logger = NullLogger<ReplicaLoop>.Instance,
                Options = Options,
            },
            default);
    }

    /// <summary>Lets go of everything; engines run on.</summary>
    public async Task CloseAsync()
    {
        await Loop.DisposeAsync();
        await _depot.DisposeAsync();
        await _store.DisposeAsync();
        _directory.Dispose();
        Executor.Dispose();
    }

    public Task PhaseAsync(string id, ReplicaPhase phase, long generation = 0) => Eventually.TrueAsync(
        () => Loop.List().Any(r => r.State.Id == id && r.State.Phase == phase && r.State.Generation >= generation),
        () => Loop.List().FirstOrDefault(r => r.State.Id == id)?.ToString() ?? $"{id} is gone");

    public async ValueTask DisposeAsync()
    {
        using (var last = new LocalProcessExecutor(
            new LocalProcessOptions { Folder = _folder.File("work") }, TimeProvider.System))
        {
            await CloseAsync();
            foreach (WorkObservation work in await last.ListAsync(default))
            {
                await Eventually.TrueAsync(
                    async () => !(await last.StopAsync(work.Id, work.Generation, TimeSpan.Zero, default)).IsAlive,
                    () => $"{work.Id} does not stop");
            }
        }

        _folder.Dispose();
    }
}
