using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Ledger;

/// <summary>One step: a quantity from a time on.</summary>
/// <param name="FromUnixMs">Start, inclusive, in milliseconds since 1970-01-01 UTC.</param>
/// <param name="Quantity">The quantity until the next step.</param>
public readonly record struct CapacityStep(long FromUnixMs, long Quantity);

/// <summary>
/// A quantity as a function of time that changes in steps; zero before the first. Immutable; neighbours differ.
/// </summary>
public sealed class StepFunction
{
    private readonly ImmutableArray<CapacityStep> _steps;

    private StepFunction(ImmutableArray<CapacityStep> steps) => _steps = steps;

    public static StepFunction Zero { get; } = new([]);

    public ImmutableArray<CapacityStep> Steps => _steps;

    /// <summary>From steps in any order; of two at one time the later in the list holds. Cost: a sort.</summary>
    public static StepFunction Of(params IEnumerable<CapacityStep> steps)
    {
        var kept = new List<CapacityStep>();
        foreach (CapacityStep step in steps.OrderBy(s => s.FromUnixMs))
        {
            if (kept.Count > 0 && kept[^1].FromUnixMs == step.FromUnixMs)
            {
                kept.RemoveAt(kept.Count - 1);
            }

            if ((kept.Count == 0 ? 0 : kept[^1].Quantity) != step.Quantity)
            {
                kept.Add(step);
            }
        }

        return kept.Count == 0 ? Zero : new([.. kept]);
    }

    /// <summary>The function that <paramref name="value"/> gives at each time of <paramref name="changes"/>, constant
    /// between them.</summary>
    public static StepFunction At(IEnumerable<long> changes, Func<long, long> value) =>
        Of(changes.Distinct().Select(t => new CapacityStep(t, value(t))));

    /// <summary>The quantity at a time. Cost: O(log n) in the steps.</summary>
    public long At(long atUnixMs)
    {
        int index = IndexAt(atUnixMs);
        return index < 0 ? 0 : _steps[index].Quantity;
    }

    /// <summary>The least quantity from one time, inclusive, to another, exclusive. Cost: O(log n + steps between).
    /// </summary>
    public long Min(long fromUnixMs, long toUnixMs)
    {
        int index = IndexAt(fromUnixMs);
        long min = index < 0 ? 0 : _steps[index].Quantity;
        for (int i = index + 1; i < _steps.Length && _steps[i].FromUnixMs < toUnixMs; i++)
        {
            min = Math.Min(min, _steps[i].Quantity);
        }

        return min;
    }

    /// <summary>The next time after one at which the quantity changes; null for never again.</summary>
    public long? NextChange(long afterUnixMs)
    {
        int next = IndexAt(afterUnixMs) + 1;
        return next < _steps.Length ? _steps[next].FromUnixMs : null;
    }

    /// <summary>Quantity times hours from one time to another: what an invoice counts.</summary>
    public decimal UnitHours(long fromUnixMs, long toUnixMs)
    {
        const decimal msPerHour = 3_600_000;
        decimal sum = 0;
        long at = fromUnixMs;
        for (int i = IndexAt(fromUnixMs); at < toUnixMs; i++)
        {
            long end = i + 1 < _steps.Length ? Math.Min(_steps[i + 1].FromUnixMs, toUnixMs) : toUnixMs;
            sum += (decimal)(i < 0 ? 0 : _steps[i].Quantity) * (end - at);
            at = end;
        }

        return sum / msPerHour;
    }

    private int IndexAt(long atUnixMs)
    {
        int low = 0;
        int high = _steps.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            if (_steps[middle].FromUnixMs <= atUnixMs)
            {
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }

        return high;
    }
}
