using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Simulation.Cells;

namespace Forebay.Simulation.Fairness;

/// <summary>Backlogged tenants served by the production queue, and the same requests in order of arrival.</summary>
public static class FairnessRun
{
    /// <summary>Runs the tenants' requests on a fleet.</summary>
    /// <param name="fleet">The fleet; its tenants and tiers are replaced.</param>
    /// <param name="tenants">Who asks.</param>
    /// <param name="seed">Draws the requests.</param>
    /// <param name="fair">False: all requests wait as one tenant's, first come, first served.</param>
    public static FairnessReport Run(FleetConfig fleet, IReadOnlyList<TenantLoad> tenants, ulong seed, bool fair)
    {
        ArgumentNullException.ThrowIfNull(fleet);
        ArgumentNullException.ThrowIfNull(tenants);
        CellArrival[] arrivals = TenantLoad.Arrivals(tenants, seed);
        CellArrival[] asServed = fair
            ? arrivals
            : [.. arrivals.Select(a => a with { Request = a.Request with { Tenant = 0 } })];
        FleetConfig config = fleet with
        {
            Tiers = [.. tenants.Select(t => t.Tier)],
            Tenants = [.. tenants.Select(t => new TenantConfig { Id = t.Id, Tier = t.Id })],
        };
        var spec = new CellSpec { Fleet = CellFleet.Build(config), Arrivals = asServed, ProgressMs = 100 };
        var checker = new CellChecker(spec.Fleet, asServed);
        var tally = new CellTally(asServed);
        Cell.Run(spec, new CellObservers([checker, tally]));
        checker.Ended();
        return FairnessReport.Of(tenants, arrivals, tally.Times);
    }
}
