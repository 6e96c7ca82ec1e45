using System.Collections.Immutable;
using Forebay.Core.Config;

namespace Forebay.Core.Limits.Following.Cases;

/// <summary>Which end of a figure's range counts.</summary>
public enum RangeEnd : byte
{
    Middle,
    Low,
    High,
}

/// <summary>One figure that a case is tried with.</summary>
/// <param name="Name">Its path in the file, such as <c>capacity[colossus-1].amount</c>.</param>
/// <param name="Figure">The figure.</param>
public readonly record struct CaseFigure(string Name, Figure Figure);

/// <summary>What a case is tried with beside the middle of all ranges.</summary>
/// <param name="Moved">The figure that is at an end of its range; null for none.</param>
/// <param name="End">Which end.</param>
/// <param name="ArrivalScale">By how much what arrives is multiplied; 0 is no arrival.</param>
/// <param name="Flat">Whether demand is the same in all hours.</param>
public sealed record CaseVariant(
    string? Moved = null, RangeEnd End = RangeEnd.Middle, double ArrivalScale = 1, bool Flat = false);

/// <summary>What a case comes to.</summary>
/// <param name="Before">Inputs before the arrival.</param>
/// <param name="After">Inputs after it.</param>
/// <param name="InForce">Multipliers before.</param>
/// <param name="Step">What the controller proposes after the arrival.</param>
public sealed record CaseResult(
    FollowingInputs Before, FollowingInputs After, TierMultipliers InForce, FollowingStep Step)
{
    /// <summary>Multipliers after the proposal, if any.</summary>
    public TierMultipliers Then => Step.Proposal?.Next ?? InForce;
}

/// <summary>Works a case out: the same controller that runs in a server, on inputs from a file.</summary>
public static class LimitCase
{
    private const double SecondsPerMinute = 60;

    /// <summary>Works it out.</summary>
    /// <param name="config">The case, valid.</param>
    /// <param name="variant">What it is tried with.</param>
    /// <param name="fleet">Capacity in place of the case's own.</param>
    public static CaseResult Run(
        LimitCaseConfig config, CaseVariant variant, ImmutableArray<CapacitySource>? fleet = null)
    {
        double Of(string name, Figure figure) => Number(figure, variant.Moved == name ? variant.End : RangeEnd.Middle);
        ImmutableArray<CapacitySource> before = fleet ?? CapacityOf(config, Of, 0);
        ImmutableArray<CapacitySource> after = fleet ?? CapacityOf(config, Of, variant.ArrivalScale);
        ImmutableArray<TierDemand> demand = Scaled(
            config, [.. config.Demand.Select(d => DemandOf(config, d, Of, variant.Flat))], before, Of);
        var inputs = new FollowingInputs(after, demand, config.Rules.LeastHistoryHours);
        TierMultipliers inForce = InForceOf(config);
        FollowingStep step = LimitController.Step(
            inputs, FollowingState.Initial with { InForce = inForce }, config.Rules, 0, atOnce: true);
        return new CaseResult(inputs with { Capacity = before }, inputs, inForce, step);
    }

    /// <summary>Every figure of a case that is a range.</summary>
    public static IEnumerable<CaseFigure> Ranges(LimitCaseConfig config) => Figures(config)
        .Where(f => f.Figure.Low != f.Figure.High);

    /// <summary>Every figure of a case.</summary>
    public static IEnumerable<CaseFigure> Figures(LimitCaseConfig config)
    {
        if (config.LoadBefore is { } load)
        {
            yield return new CaseFigure("load_before", load);
        }

        foreach (CaseCapacityConfig c in config.Capacity)
        {
            yield return new CaseFigure($"capacity[{c.Id}].amount", c.Amount);
            yield return new CaseFigure($"capacity[{c.Id}].input_tokens_per_second", c.InputTokensPerSecond);
            yield return new CaseFigure($"capacity[{c.Id}].output_tokens_per_second", c.OutputTokensPerSecond);
        }

        foreach (CaseDemandConfig d in config.Demand)
        {
            yield return new CaseFigure($"demand[{d.Tier}].tenants", d.Tenants);
            yield return new CaseFigure($"demand[{d.Tier}].input_tokens_per_minute", d.InputTokensPerMinute);
            yield return new CaseFigure($"demand[{d.Tier}].output_tokens_per_minute", d.OutputTokensPerMinute);
            yield return new CaseFigure($"demand[{d.Tier}].coincidence_factor", d.CoincidenceFactor);
            yield return new CaseFigure($"demand[{d.Tier}].limited_share", d.LimitedShare);
        }
    }

    /// <summary>The number that a figure counts with.</summary>
    public static double Number(Figure figure, RangeEnd end) => (double)(end switch
    {
        RangeEnd.Low => figure.Low,
        RangeEnd.High => figure.High,
        _ => (figure.Low + figure.High) / 2,
    });

    private static ImmutableArray<CapacitySource> CapacityOf(
        LimitCaseConfig config, Func<string, Figure, double> of, double arrivalScale) =>
    [
        .. config.Capacity.Select(c =>
        {
            double amount = of($"capacity[{c.Id}].amount", c.Amount) * (c.Arrives ? arrivalScale : 1)
                * SecondsPerMinute;
            string at = $"capacity[{c.Id}].";
            return new CapacitySource(
                c.Id,
                TierMultipliers.Unclassed,
                [new CapacityGroup(c.Provider, true), .. c.Groups.Select(g => new CapacityGroup(g, false))],
                WeekCurve.Flat(amount * of(at + "input_tokens_per_second", c.InputTokensPerSecond)),
                WeekCurve.Flat(amount * of(at + "output_tokens_per_second", c.OutputTokensPerSecond)));
        }),
    ];

    private static TierDemand DemandOf(
        LimitCaseConfig config, CaseDemandConfig d, Func<string, Figure, double> of, bool flat)
    {
        string at = $"demand[{d.Tier}].";
        double tenants = of(at + "tenants", d.Tenants);
        double factor = of(at + "coincidence_factor", d.CoincidenceFactor);
        double input = of(at + "input_tokens_per_minute", d.InputTokensPerMinute);
        double output = of(at + "output_tokens_per_minute", d.OutputTokensPerMinute);
        WeekCurve curve = flat ? WeekCurve.Flat(1) : CurveOf(config.Hours);
        return new TierDemand(
            d.Tier,
            TierMultipliers.Unclassed,
            (int)Math.Min(int.MaxValue, tenants),
            input,
            output,
            curve.Times(tenants * factor * input),
            curve.Times(tenants * factor * output),
            of(at + "limited_share", d.LimitedShare));
    }

    /// <summary>Counts tenants up or down, all tiers alike, until the busiest hour is as busy as the case says. Input
    /// and output are scaled each by itself: how they are mixed in capacity is not what the case is about.</summary>
    private static ImmutableArray<TierDemand> Scaled(
        LimitCaseConfig config,
        ImmutableArray<TierDemand> demand,
        ImmutableArray<CapacitySource> before,
        Func<string, Figure, double> of)
    {
        if (config.LoadBefore is not { } load)
        {
            return demand;
        }

        var balance = new ClassBalance(
            TierMultipliers.Unclassed, new FollowingInputs(before, demand, 0), config.Rules);
        double wanted = of("load_before", load);
        double Factor(TokenKind kind, Func<TierDemand, WeekCurve> read)
        {
            double busiest = Enumerable.Range(0, HourOfWeek.Count).Max(h => demand.Sum(d => read(d)[h]));
            return busiest > 0 ? wanted * balance.Usable(kind, 0) / busiest : 0;
        }

        double input = Factor(TokenKind.Input, d => d.Input);
        double output = Factor(TokenKind.Output, d => d.Output);
        return
        [
            .. demand.Select(d => d with
            {
                Tenants = (int)Math.Min(int.MaxValue, d.Tenants * input),
                Input = d.Input.Times(input),
                Output = d.Output.Times(output),
            }),
        ];
    }

    private static TierMultipliers InForceOf(LimitCaseConfig config) => TierMultipliers.Of(config.Demand.Select(d =>
    {
        double[] byHour = WeekCurve.Flat(d.Multiplier).Values.ToArray();
        for (int hour = 0; hour < 5 * 24; hour++)
        {
            if (d.ReducedMultiplier is { } reduced && hour % 24 >= config.ReducedFrom && hour % 24 < config.ReducedTo)
            {
                byHour[hour] = reduced;
            }
        }

        return TierMultiplier.Of(d.Tier, TierMultipliers.Unclassed, byHour);
    }));

    private static WeekCurve CurveOf(DemandHoursConfig[] hours)
    {
        var values = new double[HourOfWeek.Count];
        foreach (DemandHoursConfig stretch in hours)
        {
            for (int hour = 0; hour < values.Length; hour++)
            {
                if (hour % 24 >= stretch.From && hour % 24 < stretch.To)
                {
                    values[hour] = hour < 5 * 24 ? stretch.Weekday : stretch.Weekend;
                }
            }
        }

        return WeekCurve.Of(values);
    }
}
