using System.Collections.Immutable;

namespace Forebay.Core.Limits.Following;

/// <summary>Which tokens.</summary>
public enum TokenKind : byte
{
    Input,
    Output,
}

/// <summary>
/// Capacity and demand of one class of models, hour by hour. What may be promised is the capacity less the reserve:
/// that of the group whose loss would take most, in that hour and of those tokens, so that whichever one group is lost,
/// no less than this is left. Adding capacity anywhere never makes it less: the largest group grows by what was added
/// at most. An hour of the week comes once in the coming week and again after it, so what counts in it is the lesser of
/// what is there then and what is there when the week is over.
/// </summary>
internal sealed class ClassBalance
{
    /// <summary>Sums in another order may differ by this share.</summary>
    private const double Rounding = 1e-9;

    public static readonly ImmutableArray<TokenKind> Kinds = [TokenKind.Input, TokenKind.Output];

    private readonly double[][] _total = [new double[HourOfWeek.Count], new double[HourOfWeek.Count]];
    private readonly double[][] _present = [new double[HourOfWeek.Count], new double[HourOfWeek.Count]];
    private readonly double[][] _reserve = [new double[HourOfWeek.Count], new double[HourOfWeek.Count]];
    private readonly string[][] _largest = [new string[HourOfWeek.Count], new string[HourOfWeek.Count]];
    private readonly double _leastLimited;
    private readonly bool _coming;

    /// <param name="modelClass">The class.</param>
    /// <param name="inputs">Capacity and demand.</param>
    /// <param name="rules">The rules.</param>
    /// <param name="coming">Only the coming week counts, not what is left after it.</param>
    public ClassBalance(string modelClass, FollowingInputs inputs, LimitsFollowConfig rules, bool coming = false)
    {
        Class = modelClass;
        _coming = coming;
        _leastLimited = rules.LeastLimitedShare;
        Sources = [.. inputs.Capacity.Where(c => c.Class == modelClass)];
        Demand =
        [
            .. inputs.Demand.Where(d => d.Class == modelClass && d.IsSeen).OrderBy(d => d.Tier, StringComparer.Ordinal),
        ];
        foreach (TokenKind kind in Kinds)
        {
            FindReserve(kind, rules.Reserve);
        }
    }

    public string Class { get; }

    public ImmutableArray<CapacitySource> Sources { get; }

    /// <summary>Tiers that were seen to use the class.</summary>
    public ImmutableArray<TierDemand> Demand { get; }

    public double Total(TokenKind kind, int hour) => _total[(int)kind][hour];

    /// <summary>The mean over the week of what there is now.</summary>
    public double MeanPresent(TokenKind kind) => _present[(int)kind].Average();

    /// <summary>Whether less is announced for an hour than there is now.</summary>
    public bool FallsBy(int hour)
    {
        foreach (TokenKind kind in Kinds)
        {
            if (_total[(int)kind][hour] < _present[(int)kind][hour] * (1 - Rounding))
            {
                return true;
            }
        }

        return false;
    }

    public double Reserve(TokenKind kind, int hour) => _reserve[(int)kind][hour];

    /// <summary>The group that the reserve is for; null where nothing is kept back.</summary>
    public string? Largest(TokenKind kind, int hour) => _largest[(int)kind][hour];

    /// <summary>What is left after the loss of any one group.</summary>
    public double Usable(TokenKind kind, int hour) => Total(kind, hour) - Reserve(kind, hour);

    /// <summary>Share of a tier's demand that grows with its limits.</summary>
    public double LimitedShare(TierDemand demand) => Math.Max(demand.LimitedShare, _leastLimited);

    public double DemandOf(TierDemand demand, TokenKind kind, int hour, double multiplier)
    {
        double limited = LimitedShare(demand);
        return (kind == TokenKind.Input ? demand.Input : demand.Output)[hour] * (1 - limited + limited * multiplier);
    }

    /// <summary>What all tiers would use.</summary>
    /// <param name="kind">Which tokens.</param>
    /// <param name="hour">In which hour of the week.</param>
    /// <param name="multipliers">By position in <see cref="Demand"/>.</param>
    public double DemandAt(TokenKind kind, int hour, ReadOnlySpan<double> multipliers)
    {
        double sum = 0;
        for (int i = 0; i < Demand.Length; i++)
        {
            sum += DemandOf(Demand[i], kind, hour, multipliers[i]);
        }

        return sum;
    }

    /// <summary>Whether what is left after any one loss covers it, with a margin.</summary>
    public bool Covers(int hour, ReadOnlySpan<double> multipliers, double margin) =>
        DemandAt(TokenKind.Input, hour, multipliers) * (1 + margin) <= Usable(TokenKind.Input, hour)
        && DemandAt(TokenKind.Output, hour, multipliers) * (1 + margin) <= Usable(TokenKind.Output, hour);

    /// <summary>Whether all that there is now covers it, the reserve included.</summary>
    public bool CoversNow(int hour, ReadOnlySpan<double> multipliers) =>
        DemandAt(TokenKind.Input, hour, multipliers) <= _present[(int)TokenKind.Input][hour]
        && DemandAt(TokenKind.Output, hour, multipliers) <= _present[(int)TokenKind.Output][hour];

    /// <summary>Groups with their capacity in an hour, the largest first.</summary>
    public IEnumerable<(CapacityGroup Group, double Tokens)> Groups(TokenKind kind, int hour) => Sources
        .SelectMany(s => s.Groups.Distinct().Select(g => (g, At(s, kind, hour))))
        .GroupBy(g => g.g)
        .Select(g => (g.Key, g.Sum(s => s.Item2)))
        .OrderByDescending(g => g.Item2).ThenBy(g => g.Key.Id, StringComparer.Ordinal);

    private void FindReserve(TokenKind kind, ReserveAgainst against)
    {
        CapacityGroup[] groups =
        [
            .. Sources.SelectMany(s => s.Groups).Distinct()
                .Where(g => against == ReserveAgainst.LargestGroup
                    || (against == ReserveAgainst.LargestProvider && g.IsProvider))
                .OrderBy(g => g.Id, StringComparer.Ordinal),
        ];
        foreach (CapacitySource source in Sources)
        {
            for (int hour = 0; hour < HourOfWeek.Count; hour++)
            {
                _total[(int)kind][hour] += At(source, kind, hour);
                _present[(int)kind][hour] += source.Now?.Of(kind) ?? CurveOf(source, kind)[hour];
            }
        }

        var lost = new double[HourOfWeek.Count];
        foreach (CapacityGroup group in groups)
        {
            Array.Clear(lost);
            foreach (CapacitySource source in Sources.Where(s => s.Groups.Contains(group)))
            {
                for (int hour = 0; hour < HourOfWeek.Count; hour++)
                {
                    lost[hour] += At(source, kind, hour);
                }
            }

            for (int hour = 0; hour < HourOfWeek.Count; hour++)
            {
                if (lost[hour] > _reserve[(int)kind][hour])
                {
                    // Sums in another order may differ in the last bit; more than there is cannot be lost.
                    _reserve[(int)kind][hour] = Math.Min(lost[hour], _total[(int)kind][hour]);
                    _largest[(int)kind][hour] = group.Id;
                }
            }
        }
    }

    /// <summary>What a source counts with in an hour.</summary>
    public double At(CapacitySource source, TokenKind kind, int hour) => _coming
        ? CurveOf(source, kind)[hour]
        : Math.Min(CurveOf(source, kind)[hour], source.Lasting?.Of(kind) ?? double.PositiveInfinity);

    private static WeekCurve CurveOf(CapacitySource source, TokenKind kind) =>
        kind == TokenKind.Input ? source.Input : source.Output;
}
