using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Forebay.Core.Config;

namespace Forebay.Core.Limits.Following.Cases;

/// <summary>What a case comes to, as tables in Markdown.</summary>
public static class LimitCasePage
{
    private static readonly double[] Scales = [0, 0.25, 0.5, 0.75, 1, 2, 4, 8, 16];

    /// <summary>Inputs, arithmetic, proposal beside what was announced, sensitivity.</summary>
    public static string Write(LimitCaseConfig config)
    {
        CaseResult middle = LimitCase.Run(config, new CaseVariant());
        var text = new StringBuilder();
        AddInputs(text, config);
        AddProposal(text, config, middle);
        AddArithmetic(text, middle);
        AddScales(text, config);
        AddSensitivity(text, config, middle);
        return text.ToString();
    }

    private static void AddInputs(StringBuilder text, LimitCaseConfig config)
    {
        text.Append("### Inputs\n\n| figure | value | basis | source |\n|---|---|---|---|\n");
        foreach (CaseFigure f in LimitCase.Figures(config))
        {
            string value = f.Figure.Low == f.Figure.High ? N(f.Figure.Low)
                : $"{N(f.Figure.Low)} to {N(f.Figure.High)}";
            text.Append(CultureInfo.InvariantCulture,
                $"| `{f.Name}` | {value} | {Word(f.Figure.Basis)} | {Cell(f.Figure.Source ?? "")} |\n");
        }
    }

    private static void AddProposal(StringBuilder text, LimitCaseConfig config, CaseResult middle)
    {
        text.Append("\n### What the arrival proposes\n\n");
        text.Append("All ranges in the middle.\n\n| tier | before | proposed | announced |\n|---|---|---|---|\n");
        foreach (CaseDemandConfig d in config.Demand)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"| {d.Tier} | {Words(middle.InForce, d.Tier)} | {Words(middle.Then, d.Tier)} | {d.Announced} |\n");
        }
    }

    private static void AddArithmetic(StringBuilder text, CaseResult middle)
    {
        text.Append("\n### The arithmetic\n\n```\n").AppendJoin('\n', middle.Step.Arithmetic).Append("\n```\n");
    }

    private static void AddScales(StringBuilder text, LimitCaseConfig config)
    {
        text.Append("\n### How much of it has arrived\n\n").Append(
            "What arrives times a factor: the steps of a ramp below 1, and what it would take above it.\n\n");
        AddHead(text, "arrived", config);
        foreach (double scale in Scales)
        {
            AddRow(text, $"x{N((decimal)scale)}", config, LimitCase.Run(config, new CaseVariant(ArrivalScale: scale)));
        }
    }

    private static void AddSensitivity(StringBuilder text, LimitCaseConfig config, CaseResult middle)
    {
        text.Append("\n### Sensitivity\n\n").Append(
            "One change at a time, all else in the middle. Ranges that change nothing at either end are named " +
            "below.\n\n");
        AddHead(text, "what is changed", config);
        AddRow(text, "nothing", config, middle);
        foreach (ReserveAgainst reserve in Enum.GetValues<ReserveAgainst>().Where(r => r != config.Rules.Reserve))
        {
            LimitCaseConfig other = config with { Rules = config.Rules with { Reserve = reserve } };
            AddRow(text, $"`rules.reserve`: {Word(reserve)}", other, LimitCase.Run(other, new CaseVariant()));
        }

        AddRow(text, "demand alike in all hours", config, LimitCase.Run(config, new CaseVariant(Flat: true)));
        LimitCaseConfig tight = config with { Rules = config.Rules with { RaiseMargin = 0.05 } };
        AddRow(text, "`rules.raise_margin`: 0.05", tight, LimitCase.Run(tight, new CaseVariant()));
        var without = ImmutableArray.CreateBuilder<string>();
        foreach (CaseFigure range in LimitCase.Ranges(config))
        {
            CaseResult low = LimitCase.Run(config, new CaseVariant(range.Name, RangeEnd.Low));
            CaseResult high = LimitCase.Run(config, new CaseVariant(range.Name, RangeEnd.High));
            if (low.Then.Equals(middle.Then) && high.Then.Equals(middle.Then))
            {
                without.Add($"`{range.Name}`");
                continue;
            }

            AddRow(text, $"`{range.Name}`: {N(range.Figure.Low)}", config, low);
            AddRow(text, $"`{range.Name}`: {N(range.Figure.High)}", config, high);
        }

        if (without.Count > 0)
        {
            text.Append("\nWithout any effect at either end: ").AppendJoin(", ", without).Append(".\n");
        }
    }

    private static void AddHead(StringBuilder text, string first, LimitCaseConfig config)
    {
        text.Append(CultureInfo.InvariantCulture, $"| {first} | headroom before | after |");
        foreach (CaseDemandConfig d in config.Demand)
        {
            text.Append(CultureInfo.InvariantCulture, $" {d.Tier} |");
        }

        text.Append(" all doubled |\n|---|---|---|").Insert(text.Length, "---|", config.Demand.Length)
            .Append("---|\n");
    }

    private static void AddRow(StringBuilder text, string name, LimitCaseConfig config, CaseResult result)
    {
        text.Append(CultureInfo.InvariantCulture,
            $"| {name} | {Headroom(config, result, result.Before)} | {Headroom(config, result, result.After)} |");
        bool doubled = true;
        foreach (CaseDemandConfig d in config.Demand)
        {
            text.Append(CultureInfo.InvariantCulture, $" {Words(result.Then, d.Tier)} |");
            TierMultiplier? then = result.Then.Find(d.Tier, TierMultipliers.Unclassed);
            doubled &= then is not null && !then.ByHour.ContainsAnyExceptInRange(2, double.MaxValue);
        }

        text.Append(doubled ? " yes |\n" : " no |\n");
    }

    /// <summary>Capacity after the reserve over demand at what is promised, in the busiest hour.</summary>
    private static string Headroom(LimitCaseConfig config, CaseResult result, FollowingInputs inputs)
    {
        var balance = new ClassBalance(TierMultipliers.Unclassed, inputs, config.Rules);
        double[] promise = new double[balance.Demand.Length];
        Array.Fill(promise, 1);
        double least = double.PositiveInfinity;
        for (int hour = 0; hour < HourOfWeek.Count; hour++)
        {
            foreach (TokenKind kind in ClassBalance.Kinds)
            {
                double demand = balance.DemandAt(kind, hour, promise);
                least = demand > 0 ? Math.Min(least, balance.Usable(kind, hour) / demand) : least;
            }
        }

        return double.IsFinite(least) ? least.ToString("0.00", CultureInfo.InvariantCulture) : "no demand";
    }

    private static string Words(TierMultipliers multipliers, string tier)
    {
        if (multipliers.Find(tier, TierMultipliers.Unclassed) is not { } own)
        {
            return "1";
        }

        string value = own.Value.ToString("0.##", CultureInfo.InvariantCulture);
        return own.Reductions is [var least, ..]
            ? string.Create(CultureInfo.InvariantCulture, $"{value}, {least.Value:0.##} in {own.ReducedHours} h")
            : value;
    }

    private static string N(decimal number) => number.ToString("#,0.####", CultureInfo.InvariantCulture);

    private static string Word<T>(T value)
        where T : struct, Enum => ConfigShape.Of(typeof(T)).WordOf(value);

    private static string Cell(string text) => text.Replace('|', '/').Replace('\n', ' ');
}
