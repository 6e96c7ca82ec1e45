using Forebay.Control.Audit;
using Forebay.Control.Capacity;
using Forebay.Control.FleetFile;
using Forebay.Control.Partners;
using Forebay.Core.Audit;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Partners;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Fleet.Managed;
using Forebay.Gateway.Upstreams;
using Forebay.Serve;
using Forebay.TestKit.Fleets;
using Forebay.TestKit.Time;
using Forebay.UnitTests.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Forebay.UnitTests.Control.Partners;

/// <summary>What a server has of partners, over the real store: begun as a server begins, and left as a killed one
/// is.</summary>
internal sealed class PartnerProcess : IManagedFleet, IDisposable
{
    private readonly UpstreamSet _upstreams = new(r => r);
    private readonly AuditedChange _change;
    private FleetSource _source = null!;

    private PartnerProcess(OpenStore store, ManualTime time, IAcceptanceProbe probe, Fuse fuse)
    {
        IAuditLog audit = new FusedAudit(store.Store.Audit, fuse);
        _change = new AuditedChange(audit, time, NullLogger<AuditedChange>.Instance);
        Capacity = new CapacityService(new FusedLedger(store.Store.Capacity, fuse), time);
        Partners = new PartnerService(
            new FusedPartners(store.Store.Partners, fuse), Capacity, () => this, () => State.Model, probe, _change,
            time, NullLogger<PartnerService>.Instance);
    }

    public FleetState State { get; } = new();

    public CapacityService Capacity { get; }

    public PartnerService Partners { get; }

    public ManagedObjects Managed => _source.Managed;

    public static async Task<PartnerProcess> StartAsync(
        OpenStore store, ManualTime time, IAcceptanceProbe probe, Fuse? fuse = null)
    {
        var process = new PartnerProcess(store, time, probe, fuse ?? new Fuse(int.MaxValue, false));
        await process.Capacity.LoadAsync(default);
        process._source = new FleetSource(process.State, process._upstreams, null, [])
        {
            Managed = await process.Partners.LoadAsync(default),
        };
        IReadOnlyList<ConfigProblem> problems = await process._source.ApplyAsync(
            SmallFleet.Wide, process._change, new FleetOrigin("startup", "f.yaml", "00"), default);
        Xunit.Assert.Empty(problems);
        return process;
    }

    public IReadOnlyList<ConfigProblem> Check(Func<ManagedObjects, ManagedObjects> change) => _source.Check(change);

    public Task<IReadOnlyList<ConfigProblem>> ApplyManagedAsync(
        string owner, Func<ManagedPart, ManagedPart> change, string actor, CancellationToken cancel) =>
        _source.ApplyManagedAsync(owner, change, actor, _change, cancel);

    public void Dispose()
    {
        _source?.Dispose();
        _upstreams.Dispose();
        Partners.Dispose();
        Capacity.Dispose();
    }

    /// <summary>The fleet and the ledger say what the records of the partners say.</summary>
    public void AssertFollowed()
    {
        foreach (Partner partner in Partners.Partners)
        {
            ManagedPart part = Managed.Of(partner.Owner);
            Xunit.Assert.Equal(PartnerPlan.PartOf(partner).Pools.Select(p => p.Id), part.Pools.Select(p => p.Id));
            foreach (PoolSupply supply in PartnerPlan.Supplies(partner))
            {
                StepFunction wanted = partner.InFleet || partner.ExitedUnixMs is not null
                    ? supply.Available() : StepFunction.Zero;
                Xunit.Assert.Equal(wanted.Steps, Capacity.Ledger.AvailableOf(supply.Lane).Steps);
            }
        }
    }
}

/// <summary>Finds what it is told to find.</summary>
internal sealed class StatedProbe : IAcceptanceProbe
{
    public long Accelerators { get; set; } = long.MaxValue;

    public string? Unreachable { get; set; }

    public Func<Task> WhileMeasuring { get; set; } = () => Task.CompletedTask;

    public Task<string?> ConnectAsync(ConnectionConfig connection, CancellationToken cancel) =>
        Task.FromResult(Unreachable);

    public async Task<ProbeMeasurement> MeasureAsync(
        ConnectionConfig connection, AcceptanceConfig load, long claimed, CancellationToken cancel)
    {
        await WhileMeasuring();
        return new ProbeMeasurement(
            connection.Pool, 1, Math.Min(claimed, Accelerators), CountBasis.Reported, load.Requests, 0, 1000, 1, 10, 20, []);
    }
}
