using System.Collections.Immutable;
using Forebay.Core.Capacity.Demand;
using Forebay.Core.Fleet;

namespace Forebay.Core.Capacity.Placement;

/// <summary>What the fleet file alone says of a pool's accelerators over time and of their price.</summary>
internal static class CommittedCapacity
{
    /// <summary>Accelerators by hour: none outside the commitment's term; on a ramp the pool's part of the step, by its
    /// part of all pools under the commitment. Ranges count with their lower end.</summary>
    public static ImmutableArray<int> ByHour(FleetConfig fleet, PoolConfig pool, long hour, int hours)
    {
        decimal count = decimal.Floor(pool.Accelerators!.Count.Low);
        CommitmentConfig? commitment = Array.Find(fleet.Commitments, c => c.Id == pool.Commitment);
        if (commitment is null)
        {
            return [Whole(count)];
        }

        decimal all = fleet.Pools.Where(p => p.Commitment == commitment.Id && p.Accelerators is not null)
            .Sum(p => p.Accelerators!.Count.Low);
        var byHour = new int[hours];
        for (int h = 0; h < hours; h++)
        {
            DateOnly day = DateOnly.FromDateTime(
                DateTimeOffset.FromUnixTimeMilliseconds(HourOfWeek.StartOf(hour + h)).UtcDateTime);
            bool inTerm = !(day < commitment.Starts) && !(day > commitment.Ends);
            byHour[h] = inTerm ? Whole(count * RampShare(commitment, all, day)) : 0;
        }

        return byHour.AsSpan().IndexOfAnyExcept(byHour[0]) < 0 ? [byHour[0]] : [.. byHour];
    }

    /// <summary>What one accelerator costs more per hour when it is used: the part of an hourly price that is not owed
    /// anyway. What is paid by month or in total is paid already.</summary>
    public static double MarginalUsdPerAcceleratorHour(FleetConfig fleet, PoolConfig pool)
    {
        CommitmentConfig? commitment = Array.Find(fleet.Commitments, c => c.Id == pool.Commitment);
        if (commitment?.Price is not { Per: PricePer.AcceleratorHour } price)
        {
            return 0;
        }

        decimal owed = commitment.TakeOrPayShare?.Low ?? 0;
        return (double)(price.Usd.High * (1 - owed));
    }

    private static decimal RampShare(CommitmentConfig commitment, decimal all, DateOnly day)
    {
        if (commitment.Unit != CommitmentUnit.Accelerators || commitment.Ramp.Length == 0 || all <= 0)
        {
            return 1;
        }

        RampStepConfig? step = commitment.Ramp.LastOrDefault(s => s.From <= day);
        return step is null ? 0 : Math.Min(1, step.Quantity.Low / all);
    }

    private static int Whole(decimal accelerators) => (int)Math.Min(int.MaxValue / 2, decimal.Floor(accelerators));
}
