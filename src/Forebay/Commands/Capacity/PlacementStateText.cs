using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands.Capacity;

/// <summary>What a running server's placement decided last, for people.</summary>
internal static class PlacementStateText
{
    private static readonly Column[] Columns =
    [
        new("REPLICA"), new("MODEL"), new("VERSION"), new("POOL"), new("ACTION"), new("WHY"), new("ACCELERATORS", true),
        new("SERVES USD", true), new("HOLDS USD", true),
    ];

    public static void Print(CommandOutput output, PlacementStateView view)
    {
        if (view.At is not { } at)
        {
            output.Line("Nothing is placed here: no pool has placement: automatic, or no model has versions.");
            return;
        }

        output.Table(Columns, [.. view.Decisions.Select(d => (string[])
        [
            d.Replica, d.Model, d.Version, d.Pool, d.Action, d.Cause, PlaceCommand.Short(d.LeasedAccelerators),
            PlaceCommand.Short(d.ServedUsd), PlaceCommand.Short(d.HoldUsd),
        ])]);
        output.Line("");
        output.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"At {TimeText.Of(at)}: {view.ServedShare:P1} of the demand of {view.HorizonHours} hours is served."));
        foreach (string refused in view.Refused)
        {
            output.Line($"No lease: {refused}");
        }

        foreach (UnmetMinimumView unmet in view.UnmetMinimums)
        {
            output.Line(
                $"Short of its minimum: {unmet.Model} {unmet.Version}: {unmet.What}. "
                + Binds(unmet.Binding, unmet.Pools));
        }

        foreach (UnmetView unmet in view.Unmet)
        {
            output.Line(string.Create(
                CultureInfo.InvariantCulture,
                $"Unserved: {unmet.Share:P1} of {unmet.Model} {unmet.Version} for {unmet.Class}, " +
                $"{unmet.PeakReplicas:0.##} replicas in hour {unmet.PeakHour}. {Binds(unmet.Binding, unmet.Pools)}"));
        }
    }

    private static string Binds(string binding, IReadOnlyDictionary<string, int> pools) =>
        $"What binds: {binding} (pools: {string.Join(", ", pools.Select(p => $"{p.Key} {p.Value}"))})";
}
