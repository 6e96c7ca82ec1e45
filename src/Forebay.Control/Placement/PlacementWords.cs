using Forebay.Core.Capacity.Placement;

namespace Forebay.Control.Placement;

/// <summary>Decisions in the words that the API and tables share.</summary>
public static class PlacementWords
{
    /// <summary>What keeps pools out, in one word.</summary>
    public static string Word(this PlacementExclusion reason) => reason switch
    {
        PlacementExclusion.Accelerator => "accelerator",
        PlacementExclusion.Memory => "memory",
        PlacementExclusion.Domain => "interconnect",
        PlacementExclusion.Export => "export",
        PlacementExclusion.Residency => "residency",
        PlacementExclusion.Latency => "latency",
        PlacementExclusion.Failing => "failing",
        PlacementExclusion.Full => "capacity",
        PlacementExclusion.Concentration => "concentration",
        PlacementExclusion.Cost => "cost",
        PlacementExclusion.Start => "start",
        PlacementExclusion.None => "none",
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, "A reason without a word."),
    };

    public static string Word(this PlacementAction action) => action switch
    {
        PlacementAction.Keep => "keep",
        PlacementAction.Start => "start",
        PlacementAction.Drain => "drain",
        _ => throw new ArgumentOutOfRangeException(nameof(action), action, "An action without a word."),
    };

    public static string Word(this PlacementCause cause) => cause switch
    {
        PlacementCause.Serves => "serves",
        PlacementCause.Dwells => "dwells",
        PlacementCause.Minimum => "minimum",
        PlacementCause.Demand => "demand",
        PlacementCause.Surplus => "surplus",
        PlacementCause.GivesWay => "gives_way",
        PlacementCause.CapacityEnds => "capacity_ends",
        PlacementCause.Export => "export",
        PlacementCause.Withdrawn => "withdrawn",
        PlacementCause.Draining => "draining",
        _ => throw new ArgumentOutOfRangeException(nameof(cause), cause, "A cause without a word."),
    };
}
