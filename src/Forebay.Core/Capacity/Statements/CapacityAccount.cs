using System.Collections.Immutable;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Config;

namespace Forebay.Core.Capacity.Statements;

/// <summary>
/// Works out, per hour, what a commitment owed, gave and cost. Pure: the same supplies and leases give the same
/// statement. A price by the month counts 730 hours; one in total is spread evenly over the term; both in proportion to
/// what is contracted of the whole. Money stands with the first unit of a commitment alone.
/// </summary>
public static class CapacityAccount
{
    public const long MsPerHour = 3_600_000;

    private const decimal HoursPerMonth = 730;

    /// <summary>Cost: hours x lanes x (steps of the supply + leases of the lane in the time).</summary>
    /// <param name="commitment">The terms.</param>
    /// <param name="supplies">The supply of each lane under it.</param>
    /// <param name="leases">Leases of those lanes in the time.</param>
    /// <param name="fromUnixMs">Start; the hour that it is in counts whole.</param>
    /// <param name="toUnixMs">End, exclusive; hours that begin before it count.</param>
    /// <param name="use">What was measured of quotas; without it what was held counts as used.</param>
    public static CommitmentStatement Of(
        CommitmentConfig commitment,
        IReadOnlyCollection<PoolSupply> supplies,
        IReadOnlyCollection<Lease> leases,
        long fromUnixMs,
        long toUnixMs,
        QuotaUse? use = null)
    {
        long from = fromUnixMs - Mod(fromUnixMs);
        long to = toUnixMs + (Mod(toUnixMs) == 0 ? 0 : MsPerHour - Mod(toUnixMs));
        var hours = ImmutableArray.CreateBuilder<CapacityHour>();
        ILookup<CapacityLane, Lease> byLane = leases
            .Where(l => l.Request.HolderKind != LeaseHolder.Reserve).ToLookup(l => l.Lane);
        LaneYears[] lanes = [.. supplies.Select(s => LaneYears.Of(s, byLane[s.Lane]))];
        bool money = true;
        foreach (IGrouping<CapacityUnit, LaneYears> unit in lanes.GroupBy(l => l.Unit).OrderBy(g => g.Key))
        {
            decimal full = unit.Sum(l => l.Full);
            for (long hour = from; hour < to; hour += MsPerHour)
            {
                if (HourOf(commitment, [.. unit], unit.Key, hour, full, money, use ?? QuotaUse.None) is { } stated)
                {
                    hours.Add(stated);
                }
            }

            money = false;
        }

        return new CommitmentStatement(
            commitment.Id, from, to, [.. hours.OrderBy(h => h.HourUnixMs).ThenBy(h => h.Unit)]);
    }

    private static CapacityHour? HourOf(
        CommitmentConfig terms, LaneYears[] lanes, CapacityUnit unit, long hour, decimal full, bool money, QuotaUse use)
    {
        long end = hour + MsPerHour;
        decimal contracted = lanes.Sum(l => l.Contracted.UnitHours(hour, end));
        if (contracted == 0)
        {
            return null;
        }

        decimal usable = lanes.Sum(l => l.Usable.UnitHours(hour, end));
        decimal delivered = lanes.Sum(l => l.Delivered.UnitHours(hour, end));
        decimal available = lanes.Sum(l => l.Available.UnitHours(hour, end));
        decimal leased = lanes.Sum(l => l.LeasedOver(hour, end));
        decimal used = lanes.Sum(l => use.At(l.Supply.Lane, hour) ?? l.LeasedOver(hour, end));
        UsdRange charge = money ? ChargeOf(terms, contracted, full) : default;
        decimal missing = (contracted - delivered) / contracted;
        var breaches = ImmutableArray.CreateBuilder<string>();
        if (usable < contracted)
        {
            breaches.Add("acceptance");
        }

        SupplyEventKind[] kinds = [SupplyEventKind.Outage, SupplyEventKind.Reclaim];
        foreach (SupplyEventKind kind in kinds)
        {
            if (lanes.Any(l => l.Supply.Events.Any(e =>
                e.Kind == kind && e.FromUnixMs < end && (e.UntilUnixMs ?? long.MaxValue) > hour)))
            {
                breaches.Add(kind == SupplyEventKind.Outage ? "outage" : "reclaim");
            }
        }

        decimal given = delivered / contracted;
        decimal taken = used / contracted;
        Figure? share = terms.TakeOrPayShare is { HasNumber: true } owed ? owed : null;
        return new CapacityHour(
            hour,
            unit,
            contracted,
            usable,
            delivered,
            available,
            leased,
            used,
            charge,
            new UsdRange(charge.Low * missing, charge.High * missing),
            new UsdRange(
                Math.Max(0, charge.Low * (((share?.Low ?? 0) * given) - taken)),
                Math.Max(0, charge.High * (((share?.High ?? 0) * given) - taken))),
            breaches.ToImmutable());
    }

    /// <summary>What an hour costs when all that is contracted is delivered.</summary>
    private static UsdRange ChargeOf(CommitmentConfig terms, decimal contracted, decimal full)
    {
        if (terms.Price is not { Usd.HasNumber: true } price || full == 0)
        {
            return default;
        }

        decimal? perUnit = price.Per switch
        {
            PricePer.AcceleratorHour => contracted,
            PricePer.Month => contracted / full / HoursPerMonth,
            _ => terms is { Starts: { } starts, Ends: { } ends }
                ? contracted / full / ((ends.DayNumber - starts.DayNumber + 1) * 24)
                : null,
        };
        return perUnit is { } factor ? new UsdRange(price.Usd.Low * factor, price.Usd.High * factor) : default;
    }

    private static long Mod(long unixMs) => ((unixMs % MsPerHour) + MsPerHour) % MsPerHour;

    /// <summary>A lane's functions of time, made once.</summary>
    private sealed record LaneYears(
        PoolSupply Supply,
        StepFunction Contracted,
        StepFunction Usable,
        StepFunction Delivered,
        StepFunction Available,
        decimal Full,
        IReadOnlyList<Lease> Leases)
    {
        public CapacityUnit Unit => Supply.Lane.Unit;

        public decimal LeasedOver(long from, long to) => Leases.Sum(l => l.Held.UnitHours(from, to));

        public static LaneYears Of(PoolSupply supply, IEnumerable<Lease> leases) => new(
            supply,
            supply.Contracted,
            supply.Usable(),
            (supply with { Events = [.. supply.Events.Where(e => e.Kind != SupplyEventKind.Drain)] }).Available(),
            supply.Available(),
            supply.Contracted.Steps.Select(s => s.Quantity).DefaultIfEmpty(0).Max(),
            [.. leases]);
    }
}
