using Forebay.Core.Config;

namespace Forebay.Core.Capacity.Ledger;

/// <summary>What a contract says of a pool over time. Ranges count with their low end.</summary>
public static class ContractedSupply
{
    /// <summary>The lanes of a pool with what is contracted in each: accelerators, or each limit of its quota.
    /// </summary>
    /// <param name="pool">The pool.</param>
    /// <param name="commitment">The commitment that it comes from; null contracts the whole since ever.</param>
    public static IEnumerable<(CapacityLane Lane, StepFunction Contracted)> Of(
        PoolConfig pool, CommitmentConfig? commitment)
    {
        foreach ((CapacityUnit unit, long full) in FullOf(pool))
        {
            yield return (new CapacityLane(pool.Id, unit), Over(full, commitment));
        }
    }

    /// <summary>What a pool has in full, by unit.</summary>
    public static IEnumerable<(CapacityUnit Unit, long Full)> FullOf(PoolConfig pool)
    {
        if (pool.Accelerators is { Count.HasNumber: true } accelerators)
        {
            yield return (CapacityUnit.Accelerators, (long)decimal.Floor(accelerators.Count.Low));
        }

        if (pool.Quota is { } quota)
        {
            if (quota.RequestsPerMinute is { } requests)
            {
                yield return (CapacityUnit.RequestsPerMinute, requests);
            }

            if (quota.InputTokensPerMinute is { } input)
            {
                yield return (CapacityUnit.InputTokensPerMinute, input);
            }

            if (quota.OutputTokensPerMinute is { } output)
            {
                yield return (CapacityUnit.OutputTokensPerMinute, output);
            }

            if (quota.ProvisionedUnits is { } units)
            {
                yield return (CapacityUnit.ProvisionedUnits, units);
            }
        }
    }

    /// <summary>Midnight UTC at the start of a day.</summary>
    public static long UnixMsOf(DateOnly day) =>
        new DateTimeOffset(day.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero).ToUnixTimeMilliseconds();

    /// <summary>A part of a commitment ramps as the whole does: full x ramp(t).Low / quantity.Low, rounded down. Where
    /// the low end of the quantity is 0 its high end is what the ramp is a share of.</summary>
    private static StepFunction Over(long full, CommitmentConfig? commitment)
    {
        if (commitment is null)
        {
            return StepFunction.Of(new CapacityStep(long.MinValue, full));
        }

        long starts = commitment.Starts is { } first ? UnixMsOf(first) : long.MinValue;
        Figure quantity = commitment.Quantity;
        decimal whole = quantity.Low > 0 ? quantity.Low : quantity.High;
        var steps = new List<CapacityStep>();
        if (commitment.Ramp.Length == 0)
        {
            steps.Add(new CapacityStep(starts, full));
        }

        foreach (RampStepConfig step in commitment.Ramp)
        {
            decimal share = whole <= 0 ? 0 : Math.Clamp(step.Quantity.Low / whole, 0, 1);
            steps.Add(new CapacityStep(UnixMsOf(step.From), (long)decimal.Floor(full * share)));
        }

        if (commitment.Ends is { } last && last < DateOnly.MaxValue)
        {
            steps.Add(new CapacityStep(UnixMsOf(last.AddDays(1)), 0));
        }

        return StepFunction.Of(steps);
    }
}
