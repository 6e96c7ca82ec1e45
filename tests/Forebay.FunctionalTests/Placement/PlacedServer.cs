using Forebay.Control.Admin.Contract;
using Forebay.Core.Execution;
using Forebay.Executors.Local;
using Forebay.FunctionalTests.Server;
using Forebay.TestKit;

namespace Forebay.FunctionalTests.Placement;

/// <summary>A server process that places replicas by itself, watched from its admin API, killed and started again at
/// will. Engines outlive it and are ended with this.</summary>
internal sealed class PlacedServer : IAsyncDisposable
{
    private readonly TemporaryFolder _folder;
    private readonly CancellationTokenSource _stop = new();
    private Task _watching = Task.CompletedTask;

    public PlacedServer(TemporaryFolder folder) => _folder = folder;

    public ForebayProcess Process { get; private set; } = null!;

    public string Data => _folder.File("data");

    /// <summary>Lanes seen with more leased than available.</summary>
    public List<string> Overdrawn { get; } = [];

    /// <summary>How often the ledger was looked at.</summary>
    public int Looks { get; private set; }

    public async Task StartAsync(string fleet)
    {
        Process = await ForebayProcess.ServeAsync(fleet, Data);
        _watching = WatchAsync(_stop.Token);
    }

    public async Task KillAsync()
    {
        await EndWatchAsync();
        Process.Signal(ProcessSignal.Kill);
        await Process.EndedAsync();
        await Process.DisposeAsync();
    }

    public async Task StopAsync()
    {
        await EndWatchAsync();
        await Process.StopAsync();
    }

    /// <summary>Replicas on a pool, in any phase but stopped.</summary>
    public async Task<ReplicaView[]> OnAsync(string pool) =>
    [
        .. (await Server.Cli.JsonAsync(Data, AdminJson.Default.ReplicaListView, "replica", "list")).Replicas
            .Where(r => r.Pool == pool && r.Phase != "stopped"),
    ];

    /// <summary>Waits until a pool has so many ready replicas and none in another phase.</summary>
    public Task ReadyAsync(string pool, int count) => Eventually.TrueAsync(
        async () => await OnAsync(pool) is var there && there.Length == count
            && there.All(r => r is { Phase: "ready", Routed: true }),
        () => $"{pool} has not {count}: {Process.Errors}");

    public async Task<LaneView> LaneAsync(string pool) => (await CapacityAsync()).Lanes.Single(l => l.Pool == pool);

    public async ValueTask DisposeAsync()
    {
        await EndWatchAsync();
        await Process.DisposeAsync();
        using var executor = new LocalProcessExecutor(
            new LocalProcessOptions { Folder = Path.Combine(Data, "work") }, TimeProvider.System);
        foreach (WorkObservation work in await executor.ListAsync(default))
        {
            await Eventually.TrueAsync(
                async () => !(await executor.StopAsync(work.Id, work.Generation, TimeSpan.Zero, default)).IsAlive,
                () => $"{work.Id} does not stop");
        }

        _stop.Dispose();
    }

    private Task<CapacityView> CapacityAsync() => Server.Cli.JsonAsync(Data, AdminJson.Default.CapacityView, "capacity", "show");

    private async Task WatchAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        while (_watch && await timer.WaitForNextTickAsync(stop))
        {
            CapacityView seen = await CapacityAsync();
            Looks++;
            Overdrawn.AddRange(seen.Lanes.Where(l => l.Leased > l.Available).Select(l => l.ToString()));
        }
    }

    private bool _watch = true;

    private async Task EndWatchAsync()
    {
        _watch = false;
        await Eventually.Within(_watching);
        _watch = true;
        _watching = Task.CompletedTask;
    }
}
