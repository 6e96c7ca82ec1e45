using System.Collections.Immutable;
using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Placement;
using Forebay.Core.Capacity.Placement;

namespace Forebay.Commands.Capacity;

/// <summary>A placement plan for people: like replicas on one line, then what stays short, and why.</summary>
internal static class PlacementView
{
    private static readonly Column[] Columns =
    [
        new("MODEL"), new("VERSION"), new("POOL"), new("BUILD"), new("REPLICAS", true), new("ACCELERATORS", true),
        new("WHY"), new("SERVES USD", true), new("HOLDS USD", true), new("CHANGE USD", true), new("WAY MS", true),
        new("READY S", true),
    ];

    public static void Print(CommandOutput output, PlacementPlan plan, PlacementProblem problem)
    {
        output.Table(Columns, [.. plan.Starts
            .GroupBy(d => (d.Model, d.Version, d.Pool, d.Build, d.Cause))
            .OrderBy(g => g.Key)
            .Select(g => RowOf(g.Key.Cause, [.. g]))]);
        output.Line("");
        output.Line(string.Create(CultureInfo.InvariantCulture,
            $"{plan.Starts.Count()} replicas serve {plan.ServedShare:P1} of the demand of "
            + $"{problem.Terms.HorizonHours} hours, {problem.Terms.ReserveShare:P0} in reserve. Worth less costs: "
            + $"{plan.ObjectiveUsd:#,0} USD."));
        foreach (UnmetMinimum minimum in plan.UnmetMinimums)
        {
            output.Line($"Short of its minimum: {minimum.Model} {minimum.Version}: {minimum.What}. "
                + $"{Sentence(minimum.Binding)} {Excluded(minimum.Excluded)}");
        }

        foreach (UnmetDemand unmet in plan.Unmet)
        {
            output.Line(string.Create(CultureInfo.InvariantCulture,
                $"Unserved: {unmet.Share:P1} of {unmet.Model} {unmet.Version} for {unmet.Label}, "
                + $"{unmet.PeakReplicas:0.##} replicas in hour {unmet.PeakHour}. "
                + $"{Sentence(unmet.Binding)} {Excluded(unmet.Excluded)}"));
        }
    }

    private static string Sentence(PlacementExclusion binding) => binding switch
    {
        PlacementExclusion.Accelerator => "No pool has accelerators that a build runs on.",
        PlacementExclusion.Memory => "No pool's accelerators have the memory.",
        PlacementExclusion.Domain => "No pool's interconnect domain holds a replica.",
        PlacementExclusion.Export => "Export rules keep the weights out.",
        PlacementExclusion.Residency => "Residency binds: no pool that fits may serve it.",
        PlacementExclusion.Latency => "Latency binds: every pool that may serve it is too far away.",
        PlacementExclusion.Failing =>
            "What was started failed on every pool with room: `forebay replica list` says why.",
        PlacementExclusion.Full => "Capacity binds: every pool that may serve it is full.",
        PlacementExclusion.Concentration => "Concentration binds: the groups with room left have no accelerators.",
        PlacementExclusion.Cost => "Cost binds: another replica would not gain what it costs.",
        PlacementExclusion.Start => "Time binds: nothing started now serves before that hour is over.",
        _ => "Nothing binds: the next step goes on.",
    };

    private static string Excluded(ImmutableArray<ExcludedPools> pools) => pools.IsEmpty ? ""
        : $"(pools: {string.Join(", ", pools.Select(p => $"{p.Reason.Word()} {p.Pools}"))})";

    private static string[] RowOf(PlacementCause cause, PlacementDecision[] alike)
    {
        PlacementTerms terms = alike[0].Terms;
        return
        [
            alike[0].Model,
            alike[0].Version,
            alike[0].Pool,
            alike[0].Build,
            PlaceCommand.Short(alike.Length),
            PlaceCommand.Short(alike.Sum(d => d.LeasedAccelerators)),
            cause == PlacementCause.Minimum ? "minimum" : "demand",
            PlaceCommand.Short(alike.Sum(d => d.Terms.ServedUsd)),
            PlaceCommand.Short(alike.Sum(d => d.Terms.HoldUsd)),
            PlaceCommand.Short(alike.Sum(d => d.Terms.ChangeUsd)),
            PlaceCommand.Short(terms.RoundTripMs),
            PlaceCommand.Short(terms.TransferSeconds + terms.StartSeconds),
        ];
    }
}
