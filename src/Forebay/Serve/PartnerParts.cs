using Forebay.Control.Audit;
using Forebay.Control.Capacity;
using Forebay.Control.FleetFile;
using Forebay.Control.Partners;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Fleet.Managed;
using Forebay.Core.Serving;
using Forebay.Storage;
using Microsoft.Extensions.Logging;

namespace Forebay.Serve;

/// <summary>The capacity ledger and the partners of a server, as the last process left them.</summary>
internal sealed partial class PartnerParts : IDisposable
{
    private readonly HttpAcceptanceProbe _probe;
    private readonly ILogger _logger;

    private PartnerParts(
        FleetState state, LocalStore store, AuditedChange change, Func<string, string> readSecret, TimeProvider time,
        TimeProvider contractTime, ILoggerFactory logs)
    {
        _logger = logs.CreateLogger<PartnerParts>();
        _probe = new HttpAcceptanceProbe(readSecret, time, contractTime);
        Capacity = new CapacityService(store.Capacity, contractTime);
        Partners = new PartnerService(
            store.Partners, Capacity, () => Fleet!, () => state.Model, _probe, change, contractTime,
            logs.CreateLogger<PartnerService>());
        Reports = new CapacityReports(Capacity, Partners, () => state.Model, change, contractTime)
        {
            // Usage goes by the machine's clock: where contracts run faster, an hour of theirs is none of it.
            Usage = ReferenceEquals(time, contractTime) ? store.Ledger : null,
        };
    }

    public CapacityService Capacity { get; }

    public PartnerService Partners { get; }

    public CapacityReports Reports { get; }

    /// <summary>What partners add to the first snapshot.</summary>
    public ManagedObjects Managed { get; private set; } = ManagedObjects.None;

    /// <summary>Where partners join the fleet.</summary>
    private IManagedFleet? Fleet { get; set; }

    /// <exception cref="StartException">What is stored cannot be used.</exception>
    public static async Task<PartnerParts> LoadAsync(
        FleetState state,
        LocalStore store,
        AuditedChange change,
        Func<string, string> readSecret,
        TimeProvider time,
        TimeProvider contractTime,
        ILoggerFactory logs,
        CancellationToken cancel)
    {
        var parts = new PartnerParts(state, store, change, readSecret, time, contractTime, logs);
        try
        {
            await parts.Capacity.LoadAsync(cancel);
            parts.Managed = await parts.Partners.LoadAsync(cancel);
            return parts;
        }
        catch (Exception e) when (e is StorageException or CapacityInvariantException)
        {
            parts.Dispose();
            throw new StartException(e is StorageException
                ? e.Message
                : $"{e.Message} The ledger was changed by hand. Restore a backup.");
        }
    }

    /// <summary>Looks after the partners from now on; comes before anybody may call them.</summary>
    public PartnerLoop Tend(IManagedFleet fleet, TimeProvider time, ILoggerFactory logs)
    {
        Fleet = fleet;
        return new PartnerLoop(Partners, time, logs.CreateLogger<PartnerLoop>());
    }

    /// <summary>A ledger that cannot be written now stops no reload: the partners' loop brings it up.</summary>
    public async Task FollowFleetAsync(FleetModel model, FleetOrigin origin, CancellationToken cancel)
    {
        try
        {
            await Capacity.SyncAsync(model.Config, Partners.Partners, origin.Actor, cancel);
        }
        catch (StorageException e)
        {
            LedgerNotFollowed(_logger, e.Message);
        }
    }

    /// <summary>Puts a fleet file in force with the leases of what it deploys. A ledger that cannot be written then
    /// stops no reload, as above.</summary>
    public async Task<IReadOnlyList<ConfigProblem>> PutInForceAsync(
        FleetConfig whole,
        IReadOnlyCollection<DeploymentConfig> deployed,
        Func<Task<IReadOnlyList<ConfigProblem>>> putInForce,
        string actor,
        CancellationToken cancel)
    {
        IReadOnlyList<ConfigProblem> problems = [];
        bool isInForce = false;
        try
        {
            return await Capacity.PutInForceAsync(
                whole,
                deployed,
                Partners.Partners,
                async () =>
                {
                    problems = await putInForce();
                    isInForce = true;
                    return problems;
                },
                actor,
                cancel);
        }
        catch (StorageException e) when (isInForce)
        {
            LedgerNotFollowed(_logger, e.Message);
            return problems;
        }
    }

    public void Dispose()
    {
        Partners.Dispose();
        Capacity.Dispose();
        _probe.Dispose();
    }

    [LoggerMessage(4011, LogLevel.Error,
        "The capacity ledger does not follow the fleet yet; this is tried again: {Problem}")]
    private static partial void LedgerNotFollowed(ILogger logger, string problem);
}
