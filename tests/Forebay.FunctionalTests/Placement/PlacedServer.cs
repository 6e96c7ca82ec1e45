using Forebay.Control.Admin.Contract;
using Forebay.Core.Execution;
using Forebay.Executors.Local;
using Forebay.FunctionalTests.Hostile;
using Forebay.FunctionalTests.Server;
using Forebay.Serve;
using Forebay.TestKit;
using Microsoft.Extensions.Logging;

namespace Forebay.FunctionalTests.Placement;

/// <summary>A server that places replicas by itself, watched from its admin API: a process, killed and started again at
/// will, or hosted here where contracts are to run faster than requests. Engines outlive it and are ended with this.
/// </summary>
internal sealed class PlacedServer : IAsyncDisposable
{
    private readonly TemporaryFolder _folder;
    private readonly CancellationTokenSource _stop = new();
    private readonly RecordingLogs _logs = new();
    private Task _watching = Task.CompletedTask;
    private ForebayServer? _hosted;
    private ILoggerFactory? _factory;

    public PlacedServer(TemporaryFolder folder) => _folder = folder;

    public ForebayProcess Process { get; private set; } = null!;

    public string Data => _folder.File("data");

    /// <summary>What it logged, for what a failing test says.</summary>
    public string Errors => Process is { } process ? process.Errors : string.Join('\n', _logs.Lines.TakeLast(200));

    /// <summary>Lanes seen with more leased than available.</summary>
    public List<string> Overdrawn { get; } = [];

    /// <summary>How often the ledger was looked at.</summary>
    public int Looks { get; private set; }

    public async Task StartAsync(string fleet)
    {
        Process = await ForebayProcess.ServeAsync(fleet, Data);
        _watching = WatchAsync(_stop.Token);
    }

    /// <summary>Starts it in this process, with a clock of its own for contracts.</summary>
    /// <returns>Where clients call.</returns>
    public async Task<Uri> HostAsync(string fleet, TimeProvider contractTime)
    {
        _factory = _logs.CreateFactory();
        var settings = new ServeSettings
        {
            FleetFile = fleet, DataDirectory = Data, Port = 0, AdminPort = 0, ContractTime = contractTime,
        };
        _hosted = await ForebayServer.StartAsync(settings, TimeProvider.System, _factory, default);
        _watching = WatchAsync(_stop.Token);
        return _hosted.BaseUrl;
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
        if (_hosted is null)
        {
            await Process.StopAsync();
            return;
        }

        await _hosted.StopAsync(CancellationToken.None);
        await EndHostAsync();
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
        () => $"{pool} has not {count}: {Errors}");

    public async Task<LaneView> LaneAsync(string pool) => (await CapacityAsync()).Lanes.Single(l => l.Pool == pool);

    public async ValueTask DisposeAsync()
    {
        await EndWatchAsync();
        await EndHostAsync();
        if (Process is { } process)
        {
            await process.DisposeAsync();
        }

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

    private async Task EndHostAsync()
    {
        if (_hosted is { } hosted)
        {
            _hosted = null;
            await hosted.DisposeAsync();
            _factory!.Dispose();
        }
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
