using System.Collections.Immutable;
using Forebay.Core.Fleet;

namespace Forebay.Core.Capacity.Concentration;

/// <summary>A share above its cap.</summary>
/// <param name="Group">The concentration group.</param>
/// <param name="Measure">Its share of what.</param>
/// <param name="Share">As it is.</param>
/// <param name="Max">As it may be.</param>
/// <param name="Action">What comes of it.</param>
public readonly record struct CapPassed(
    string Group, ConcentrationMeasure Measure, double Share, double Max, CapAction Action);

/// <summary>How much more may be placed in a group.</summary>
/// <param name="Accelerators">How many accelerators more; null where nothing binds.</param>
/// <param name="Bound">The share whose cap binds first; null where nothing binds.</param>
public readonly record struct CapRoom(decimal? Accelerators, ConcentrationMeasure? Bound)
{
    public static CapRoom Unbound => default;

    /// <summary>The narrower of two.</summary>
    public CapRoom Within(CapRoom other) =>
        other.Accelerators is { } theirs && (Accelerators is not { } mine || theirs < mine) ? other : this;
}

/// <summary>What caps say of shares. Caps tell, and hold placement back; they never move a request, and never let data
/// be where residency does not.</summary>
public static class ConcentrationCaps
{
    private static readonly ConcentrationMeasure[] Measures = Enum.GetValues<ConcentrationMeasure>();

    /// <summary>The shares above their caps, in the order of the fleet file.</summary>
    public static ImmutableArray<CapPassed> Passed(
        IEnumerable<ConcentrationGroupConfig> groups, ConcentrationReport report) =>
    [
        .. from g in groups
           let entry = report.Group(g.Id)
           where entry is not null
           from measure in Measures
           let cap = g.Caps?.Of(measure)
           where cap is not null && entry.Of(measure).Share > cap.Max
           select new CapPassed(g.Id, measure, entry.Of(measure).Share, cap.Max, cap.Action),
    ];

    /// <summary>
    /// How many accelerators more may be leased in a group before a constraining cap binds. With <c>g</c> leased there
    /// and <c>T</c> in all once the placement is done: <c>max(0, max T - g)</c>. Where all that is added goes to the
    /// group, <c>T = total + x</c> and so <c>x = max(0, (max total - g) / (1 - max))</c>: nothing in an empty fleet, so
    /// a placement that begins one must say what it will lease. What is served and spent follows later: a group above
    /// such a cap takes nothing until it is below.
    /// </summary>
    /// <param name="group">The group.</param>
    /// <param name="report">Shares as they are.</param>
    /// <param name="leasedAfter">Accelerators leased in all after the placement; null where only the group grows.
    /// </param>
    public static CapRoom Room(ConcentrationGroupConfig group, ConcentrationReport report, decimal? leasedAfter = null)
    {
        CapRoom room = CapRoom.Unbound;
        foreach (ConcentrationMeasure measure in Measures)
        {
            if (group.Caps?.Of(measure) is not { Action: CapAction.Constrain } cap)
            {
                continue;
            }

            ConcentrationShare held = report.Group(group.Id)?.Of(measure) ?? default;
            if (measure != ConcentrationMeasure.Leased)
            {
                room = held.Share > cap.Max ? room.Within(new CapRoom(0, measure)) : room;
                continue;
            }

            decimal max = (decimal)cap.Max;
            decimal free = leasedAfter is { } after
                ? max * after - held.Amount
                : (max * report.Total(measure) - held.Amount) / (1 - max);
            room = room.Within(new CapRoom(Math.Max(0, free), measure));
        }

        return room;
    }

    /// <summary>A report with what is leased now in the place of what was leased when it was made.</summary>
    public static ConcentrationReport WithLeases(
        ConcentrationReport report, FleetConfig fleet, IEnumerable<LeasedAccelerators> leases)
    {
        ConcentrationReport now = ConcentrationShares.Of(fleet, leases, [], report.From, report.From);
        ConcentrationShare Leased(ConcentrationEntry entry) => entry.Of(ConcentrationMeasure.Leased);
        return report with
        {
            Totals = report.Totals.SetItem(
                (int)ConcentrationMeasure.Leased, now.Total(ConcentrationMeasure.Leased)),
            Groups =
            [
                .. now.Groups.Select(g => report.Group(g.Id) is { } then
                    ? then with { Shares = then.Shares.SetItem((int)ConcentrationMeasure.Leased, Leased(g)) }
                    : g),
            ],
        };
    }

    /// <summary>The narrowest room of the groups that a place is in: all hold.</summary>
    public static CapRoom RoomOfAll(
        IEnumerable<ConcentrationGroupConfig> groups, ConcentrationReport report, decimal? leasedAfter = null) =>
        groups.Aggregate(CapRoom.Unbound, (room, g) => room.Within(Room(g, report, leasedAfter)));
}
