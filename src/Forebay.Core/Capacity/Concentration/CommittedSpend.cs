using System.Collections.Immutable;
using Forebay.Core.Fleet;

namespace Forebay.Core.Capacity.Concentration;

/// <summary>A commitment that costs something, nobody knows how much.</summary>
public sealed record UnpricedCommitment(string Commitment, string Why);

/// <summary>
/// What a commitment costs in a window, used or not: the hours of its term that lie in it, at its price. A month is a
/// twelfth of 8,766 hours, a price per accelerator and hour holds for what the ramp owes at the time, a total is spread
/// evenly over the term. Of a range the middle counts. It is shared out over the commitment's pools by accelerators.
/// </summary>
/// <param name="Parts">US dollars by pool; a null pool is the provider's as a whole.</param>
/// <param name="Unknown">Why it is not known, if it is not.</param>
internal sealed record CommittedSpend(ImmutableArray<(string? Pool, decimal Usd)> Parts, string? Unknown)
{
    private const decimal HoursPerMonth = 8766m / 12;

    /// <summary>Keeps products of absurd figures within a decimal.</summary>
    private const decimal MostCounted = 1e12m;

    private static readonly CommittedSpend None = new([], null);

    public static CommittedSpend Of(
        FleetConfig fleet, CommitmentConfig commitment, DateTimeOffset from, DateTimeOffset to)
    {
        if (commitment.Price is not { } price)
        {
            return new CommittedSpend([], "it has no price");
        }

        DateTimeOffset begin = Later(from, StartOf(commitment.Starts));
        DateTimeOffset end = Earlier(to, EndOf(commitment.Ends));
        if (begin >= end)
        {
            return None;
        }

        decimal usd = Middle(price.Usd);
        decimal hours = Hours(begin, end);
        PoolConfig[] pools = [.. fleet.Pools.Where(p => p.Commitment == commitment.Id)];
        switch (price.Per)
        {
            case PricePer.Month:
                return Shared(pools, usd * hours / HoursPerMonth);
            case PricePer.Total when commitment is { Starts: { } starts, Ends: { } ends }:
                return Shared(pools, usd * hours / Hours(StartOf(starts), EndOf(ends)));
            case PricePer.Total:
                return new CommittedSpend([], "its price is a total, and its term has no first or no last day");
            case PricePer.AcceleratorHour when commitment.Unit == CommitmentUnit.Accelerators:
                return Shared(pools, usd * AcceleratorHours(commitment, begin, end));
            case PricePer.AcceleratorHour:
                return Shared(pools, usd * hours * pools.Sum(p => Accelerators(p)));
            default:
                throw new ArgumentOutOfRangeException(nameof(commitment), price.Per, "There is no such price.");
        }
    }

    /// <summary>Hours times what the ramp owes in them.</summary>
    private static decimal AcceleratorHours(CommitmentConfig commitment, DateTimeOffset begin, DateTimeOffset end)
    {
        decimal sum = 0;
        for (int i = 0; i <= commitment.Ramp.Length; i++)
        {
            // The steps, and after the last one what it owes; without steps, all of it.
            DateTimeOffset since = i == 0 ? begin : Later(begin, StartOf(commitment.Ramp[i - 1].From));
            DateTimeOffset until = i == commitment.Ramp.Length ? end : Earlier(end, StartOf(commitment.Ramp[i].From));
            decimal owed = commitment.Ramp.Length == 0 ? Middle(commitment.Quantity)
                : i == 0 ? 0
                : Middle(commitment.Ramp[i - 1].Quantity);
            sum += since < until ? owed * Hours(since, until) : 0;
        }

        return sum;
    }

    private static CommittedSpend Shared(PoolConfig[] pools, decimal usd)
    {
        decimal accelerators = pools.Sum(Accelerators);
        return new CommittedSpend(
            pools.Length == 0 ? [(null, usd)]
                : [.. pools.Select(p => ((string?)p.Id, accelerators == 0
                    ? usd / pools.Length
                    : usd * Accelerators(p) / accelerators))],
            null);
    }

    private static decimal Accelerators(PoolConfig pool) => pool.Accelerators is { } a ? Middle(a.Count) : 0;

    private static decimal Middle(Config.Figure figure) =>
        (Math.Min(figure.Low, MostCounted) + Math.Min(figure.High, MostCounted)) / 2;

    private static decimal Hours(DateTimeOffset from, DateTimeOffset to) =>
        (to - from).Ticks / (decimal)TimeSpan.TicksPerHour;

    private static DateTimeOffset StartOf(DateOnly? day) => day is { } d
        ? new DateTimeOffset(d, TimeOnly.MinValue, TimeSpan.Zero)
        : DateTimeOffset.MinValue;

    /// <summary>The first moment after the last day.</summary>
    private static DateTimeOffset EndOf(DateOnly? day) => day is { } d && d < DateOnly.MaxValue
        ? new DateTimeOffset(d.AddDays(1), TimeOnly.MinValue, TimeSpan.Zero)
        : DateTimeOffset.MaxValue;

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;

    private static DateTimeOffset Earlier(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;
}
