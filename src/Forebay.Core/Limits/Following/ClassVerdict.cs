using System.Collections.Immutable;

namespace Forebay.Core.Limits.Following;

/// <summary>What capacity and demand of one class mean for its multipliers, whatever happened before.</summary>
internal sealed record ClassVerdict
{
    public required ClassBalance Balance { get; init; }

    public required RaisePath Path { get; init; }

    public string Class => Balance.Class;

    /// <summary>Multipliers in force, by tier and hour.</summary>
    public required double[][] InForce { get; init; }

    /// <summary>Hours in which demand passes what is left after a loss.</summary>
    public required HourSet ShortHours { get; init; }

    /// <summary>Whether limits are above what is promised in an hour that is short.</summary>
    public required bool IsShort { get; init; }

    /// <summary>Whether it is because less is announced for such an hour than there is now.</summary>
    public bool IsEnding { get; init; }

    /// <summary>Whether demand passes all capacity there is now, in some hour.</summary>
    public required bool IsShortNow { get; init; }

    /// <summary>Whether it does because capacity went away.</summary>
    public required bool IsLost { get; init; }

    /// <summary>Whether so many hours are short that the multiplier of all hours is lowered.</summary>
    public bool LowersAllHours { get; init; }

    /// <summary>Multipliers lowered in the short hours alone.</summary>
    public ImmutableArray<TierMultiplier> ReduceHours { get; init; } = [];

    /// <summary>Multipliers lowered in all hours.</summary>
    public ImmutableArray<TierMultiplier> LowerAllHours { get; init; } = [];

    /// <summary>Multipliers as capacity allows them; none where that is not more than is in force.</summary>
    public ImmutableArray<TierMultiplier> Raise { get; init; } = [];

    /// <summary>Moves along the path that capacity allows.</summary>
    public int MovesAllowed { get; init; }

    public static ClassVerdict Of(
        ClassBalance balance, TierMultipliers inForce, ClassHold hold, LimitsFollowConfig rules)
    {
        var path = RaisePath.Of(balance, rules.Steps);
        double[][] current =
        [
            .. balance.Demand.Select(d => (inForce.Find(d.Tier, d.Class)
                ?? TierMultiplier.Flat(d.Tier, d.Class, 1)).ByHour.ToArray()),
        ];
        HourSet lacking = default;
        bool isShort = false;
        bool isEnding = false;
        bool isShortNow = false;
        for (int hour = 0; hour < HourOfWeek.Count; hour++)
        {
            double[] at = Column(current, hour);
            if (!balance.Covers(hour, at, rules.KeepMargin))
            {
                lacking = lacking.With(hour);
                bool isAbove = Array.Exists(at, m => m > 1);
                isShort |= isAbove;
                isEnding |= isAbove && balance.FallsBy(hour);
            }

            isShortNow |= !balance.CoversNow(hour, at);
        }

        var verdict = new ClassVerdict
        {
            Balance = balance,
            Path = path,
            InForce = current,
            ShortHours = lacking,
            IsShort = isShort,
            IsEnding = isEnding,
            IsShortNow = isShortNow,
            IsLost = isShort && isShortNow
                && (balance.MeanPresent(TokenKind.Input) < LimitController.LostBelowShare * hold.CoveredInput
                    || balance.MeanPresent(TokenKind.Output) < LimitController.LostBelowShare * hold.CoveredOutput),
        };
        verdict = isShort ? verdict.WithLowering(rules) : verdict;
        return verdict.WithRaise(rules);
    }

    /// <summary>Those of some multipliers that are above the ones in force in some hour.</summary>
    public ImmutableArray<TierMultiplier> RaisesIn(ImmutableArray<TierMultiplier> multipliers) =>
        multipliers.Any(m => IsAbove(m)) ? multipliers : [];

    public static TierMultiplier Combine(TierMultiplier a, TierMultiplier b, Func<double, double, double> choose)
    {
        var byHour = new double[HourOfWeek.Count];
        for (int hour = 0; hour < byHour.Length; hour++)
        {
            byHour[hour] = choose(a.At(hour), b.At(hour));
        }

        return TierMultiplier.Of(a.Tier, a.Class, byHour);
    }

    private bool IsAbove(TierMultiplier multiplier)
    {
        int tier = IndexOf(multiplier.Tier);
        for (int hour = 0; hour < HourOfWeek.Count; hour++)
        {
            if (multiplier.At(hour) > InForce[tier][hour])
            {
                return true;
            }
        }

        return false;
    }

    private int IndexOf(string tier)
    {
        for (int i = 0; i < Balance.Demand.Length; i++)
        {
            if (Balance.Demand[i].Tier == tier)
            {
                return i;
            }
        }

        throw new InvalidOperationException($"Tier {tier} has no demand for class {Class}.");
    }

    private ClassVerdict WithLowering(LimitsFollowConfig rules)
    {
        double[] inShortHours = Path.After(Math.Max(0, Path.Furthest(m => CoversIn(ShortHours, m, rules.KeepMargin))));
        double[] always = Path.After(Math.Max(0, Path.Furthest(m => CoversIn(null, m, rules.KeepMargin))));
        ImmutableArray<TierMultiplier> reduced =
            Build((tier, hour) => ShortHours.Has(hour) ? Math.Min(InForce[tier][hour], inShortHours[tier])
                : InForce[tier][hour]);
        return this with
        {
            ReduceHours = reduced,
            LowerAllHours = Build((tier, hour) => Math.Min(InForce[tier][hour], always[tier])),
            LowersAllHours = reduced.Any(m => HoursBelow(m, InForce[IndexOf(m.Tier)].Max()) > rules.MaxReducedHours),
        };
    }

    /// <summary>As far along the path as is covered with the margin in every hour that would rise.</summary>
    private ClassVerdict WithRaise(LimitsFollowConfig rules)
    {
        int moves = Path.Furthest(m => CoversRaise(m, rules.RaiseMargin));
        if (moves < 0)
        {
            return this;
        }

        double[] allowed = Path.After(moves);
        return this with
        {
            MovesAllowed = moves,
            Raise = RaisesIn(Build((tier, hour) => Math.Max(InForce[tier][hour], allowed[tier]))),
        };
    }

    private bool CoversIn(HourSet? hours, double[] multipliers, double margin)
    {
        for (int hour = 0; hour < HourOfWeek.Count; hour++)
        {
            if (hours?.Has(hour) != false && !Balance.Covers(hour, multipliers, margin))
            {
                return false;
            }
        }

        return true;
    }

    private bool CoversRaise(double[] multipliers, double margin)
    {
        var raised = new double[multipliers.Length];
        for (int hour = 0; hour < HourOfWeek.Count; hour++)
        {
            bool rises = false;
            for (int i = 0; i < multipliers.Length; i++)
            {
                raised[i] = Math.Max(InForce[i][hour], multipliers[i]);
                rises |= raised[i] > InForce[i][hour];
            }

            if (rises && !Balance.Covers(hour, raised, margin))
            {
                return false;
            }
        }

        return true;
    }

    private ImmutableArray<TierMultiplier> Build(Func<int, int, double> value)
    {
        var built = ImmutableArray.CreateBuilder<TierMultiplier>(Balance.Demand.Length);
        var byHour = new double[HourOfWeek.Count];
        for (int tier = 0; tier < Balance.Demand.Length; tier++)
        {
            for (int hour = 0; hour < byHour.Length; hour++)
            {
                byHour[hour] = value(tier, hour);
            }

            built.Add(TierMultiplier.Of(Balance.Demand[tier].Tier, Class, byHour));
        }

        return built.MoveToImmutable();
    }

    private static int HoursBelow(TierMultiplier multiplier, double value)
    {
        int hours = 0;
        foreach (double at in multiplier.ByHour)
        {
            hours += at < value ? 1 : 0;
        }

        return hours;
    }

    /// <summary>When the first hour of the coming week begins that is not covered; the end of that week where only what
    /// comes after it is not.</summary>
    /// <param name="coming">The coming week alone.</param>
    /// <param name="margin">By which demand is to be passed.</param>
    /// <param name="nowMs">Now.</param>
    public long FirstShortMs(ClassBalance coming, double margin, long nowMs)
    {
        long start = nowMs;
        for (int i = 0; i < HourOfWeek.Count; i++)
        {
            int hour = HourOfWeek.Of(start);
            if (!coming.Covers(hour, Column(InForce, hour), margin))
            {
                return start;
            }

            start = HourOfWeek.NextUnixMs(start);
        }

        return start;
    }

    private static double[] Column(double[][] byTier, int hour) => Array.ConvertAll(byTier, t => t[hour]);
}
