using System.Collections.Immutable;
using System.Globalization;

namespace Forebay.Core.Limits.Following;

/// <summary>Says in lines how a class came to its multipliers.</summary>
internal static class LimitArithmetic
{
    /// <summary>Sources that are named one by one, the largest first.</summary>
    private const int MostSources = 12;

    public static ClassStanding Of(
        ClassVerdict verdict,
        FollowingInputs inputs,
        FollowingState state,
        LimitProposal? proposal,
        LimitsFollowConfig rules,
        long nowMs)
    {
        ClassBalance balance = verdict.Balance;
        TierMultipliers then = proposal?.Next ?? state.InForce;
        double[] promise = new double[balance.Demand.Length];
        Array.Fill(promise, 1);
        (TokenKind kind, int hour, double headroom) = Tightest(
            balance, h => [.. balance.Demand.Select(d => state.InForce.At(d.Tier, d.Class, h))]);
        var lines = ImmutableArray.CreateBuilder<string>();
        string scope = balance.Class == TierMultipliers.Unclassed ? "models in no class" : $"class {balance.Class}";
        string tokens = kind == TokenKind.Input ? "input tokens/min" : "output tokens/min";
        lines.Add($"{scope}, tightest at {HourOfWeek.Word(hour)} UTC in {tokens}");
        AddCapacity(lines, balance, kind, hour, rules);
        AddDemand(lines, balance, kind, hour, state.InForce, then);
        lines.Add(Text($"  headroom       {Ratio(headroom)} = usable / demand at the multipliers in force"));
        if (then != state.InForce)
        {
            (TokenKind kindThen, int hourThen, double after) = Tightest(
                balance, h => [.. balance.Demand.Select(d => then.At(d.Tier, d.Class, h))]);
            lines.Add(Text($"  headroom then  {Ratio(after)} = usable / demand at the multipliers proposed, ")
                + $"tightest at {HourOfWeek.Word(hourThen)} in {Word(kindThen)} tokens");
        }

        double uncovered = Uncovered(balance, promise);
        if (uncovered > 0)
        {
            lines.Add(Text($"  UNCOVERED      demand at what tiers promise passes all capacity by {N(uncovered)} ")
                + "tokens/min: promises stay, requests wait and are shed by priority class, batch first");
        }

        lines.Add("  why not more   " + WhyNotMore(verdict, inputs, state, proposal, rules, nowMs));
        return new ClassStanding(
            balance.Class, headroom, uncovered, IsSafe(balance, promise), !verdict.ShortHours.Equals(default),
            lines.ToImmutable());
    }

    /// <summary>The hour and the tokens in which least is left after the reserve, beside demand.</summary>
    private static (TokenKind Kind, int Hour, double Ratio) Tightest(ClassBalance balance, Func<int, double[]> at)
    {
        (TokenKind, int, double) tightest = (TokenKind.Input, 0, double.PositiveInfinity);
        for (int hour = 0; hour < HourOfWeek.Count; hour++)
        {
            double[] multipliers = at(hour);
            foreach (TokenKind kind in ClassBalance.Kinds)
            {
                double demand = balance.DemandAt(kind, hour, multipliers);
                double ratio = demand > 0 ? balance.Usable(kind, hour) / demand : double.PositiveInfinity;
                tightest = ratio < tightest.Item3 ? (kind, hour, ratio) : tightest;
            }
        }

        return tightest;
    }

    private static void AddCapacity(
        ImmutableArray<string>.Builder lines, ClassBalance balance, TokenKind kind, int hour, LimitsFollowConfig rules)
    {
        foreach ((CapacityGroup group, double tokens) in balance.Groups(kind, hour))
        {
            lines.Add(Text($"  capacity       {N(tokens)} in {(group.IsProvider ? "provider" : "group")} {group.Id}"));
        }

        CapacitySource[] largest =
        [
            .. balance.Sources.Where(s => s.Basis.Length > 0).OrderByDescending(s => balance.At(s, kind, hour))
                .ThenBy(s => s.Id, StringComparer.Ordinal),
        ];
        foreach (CapacitySource source in largest.Take(MostSources))
        {
            lines.Add(Text($"    from         {N(balance.At(source, kind, hour))} {source.Id}: {source.Basis}"));
        }

        if (largest.Length > MostSources)
        {
            lines.Add(Text($"    from         {N(largest.Skip(MostSources).Sum(s => balance.At(s, kind, hour)))} ")
                + Text($"{largest.Length - MostSources} more"));
        }

        lines.Add(Text($"  total          {N(balance.Total(kind, hour))} (a source may be in several groups)"));
        lines.Add(balance.Largest(kind, hour) is { } lost
            ? Text($"  reserve        {N(balance.Reserve(kind, hour))} for the loss of {lost}")
            : rules.Reserve == ReserveAgainst.Nothing ? "  reserve        0, as the fleet file says"
            : "  reserve        0: there is no group to lose");
        lines.Add(Text($"  usable         {N(balance.Usable(kind, hour))} = total - reserve"));
    }

    private static void AddDemand(
        ImmutableArray<string>.Builder lines,
        ClassBalance balance,
        TokenKind kind,
        int hour,
        TierMultipliers inForce,
        TierMultipliers then)
    {
        foreach (TierDemand demand in balance.Demand)
        {
            double old = inForce.At(demand.Tier, demand.Class, hour);
            double next = then.At(demand.Tier, demand.Class, hour);
            double atPromise = balance.DemandOf(demand, kind, hour, 1);
            string factor = (kind == TokenKind.Input ? demand.InputPromise : demand.OutputPromise) is { } promise
                && promise * demand.Tenants > 0
                ? Text($"{atPromise / (promise * demand.Tenants):0.####} of {N(promise)} x {demand.Tenants} promised")
                : Text($"{demand.Tenants} tenants, no such limit");
            lines.Add(Text($"  demand         {N(atPromise)} by tier {demand.Tier} ({factor}), ")
                + Text($"{balance.LimitedShare(demand):P0} of it at its limits"));
            lines.Add(Text($"    at x{old:0.##}       {N(balance.DemandOf(demand, kind, hour, old))}")
                + (next == old ? "" : Text($"; at x{next:0.##} {N(balance.DemandOf(demand, kind, hour, next))}")));
        }
    }

    private static string WhyNotMore(
        ClassVerdict verdict,
        FollowingInputs inputs,
        FollowingState state,
        LimitProposal? proposal,
        LimitsFollowConfig rules,
        long nowMs)
    {
        if (verdict.Balance.Demand.IsEmpty)
        {
            return "nobody was seen to use it";
        }

        if (verdict.IsEnding)
        {
            return $"capacity is announced to end or to be away: short in {HourOfWeek.Words(verdict.ShortHours)}";
        }

        if (verdict.IsShort)
        {
            return $"capacity is short in {HourOfWeek.Words(verdict.ShortHours)}" + (proposal is null
                ? Text($"; limits fall once that has lasted {rules.LowerAfterHours:0.#} h") : "");
        }

        if (!verdict.Raise.IsEmpty && proposal is null)
        {
            return Waiting(verdict, inputs, state, rules, nowMs);
        }

        return verdict.MovesAllowed == verdict.Path.Moves.Length ? "the last published step is reached"
            : NextMove(verdict, rules);
    }

    private static string Waiting(
        ClassVerdict verdict, FollowingInputs inputs, FollowingState state, LimitsFollowConfig rules, long nowMs)
    {
        string possible = string.Join(", ", verdict.Raise.Select(r => $"{r.Tier} x{r.Words()}"));
        string wait = inputs.HistoryHours < rules.LeastHistoryHours
            ? Text($"{inputs.HistoryHours:0.#} h of usage are on record, {rules.LeastHistoryHours:0.#} are needed")
            : !LimitController.MayRaise(state.LastRaiseMs, nowMs)
                ? $"limits were raised at {Time(state.LastRaiseMs!.Value)}, and are at most once a day"
                : Text($"possible since {Time(state.HoldOf(verdict.Class).RaiseSinceMs ?? nowMs)}, ")
                    + Text($"must be for {rules.RaiseAfterHours:0.#} h");
        return $"{possible} would fit, but {wait}";
    }

    private static string NextMove(ClassVerdict verdict, LimitsFollowConfig rules)
    {
        ClassBalance balance = verdict.Balance;
        RaiseMove move = verdict.Path.Moves[verdict.MovesAllowed];
        double[] next = verdict.Path.After(verdict.MovesAllowed + 1);
        for (int i = 0; i < next.Length; i++)
        {
            next[i] = Math.Max(next[i], verdict.InForce[i].Max());
        }

        (TokenKind kind, int hour, _) = Tightest(balance, _ => next);
        return $"tier {balance.Demand[move.Tier].Tier} at "
            + Text($"x{move.To:0.##} would need {N(balance.DemandAt(kind, hour, next) * (1 + rules.RaiseMargin))} ")
            + Text($"{Word(kind)} tokens/min at {HourOfWeek.Word(hour)} with its margin of {rules.RaiseMargin:P0}; ")
            + Text($"{N(balance.Usable(kind, hour))} are usable");
    }

    private static double Uncovered(ClassBalance balance, double[] promise)
    {
        double worst = 0;
        for (int hour = 0; hour < HourOfWeek.Count; hour++)
        {
            foreach (TokenKind kind in ClassBalance.Kinds)
            {
                worst = Math.Max(worst, balance.DemandAt(kind, hour, promise) - balance.Total(kind, hour));
            }
        }

        return worst;
    }

    private static bool IsSafe(ClassBalance balance, double[] promise) =>
        Enumerable.Range(0, HourOfWeek.Count).All(hour => balance.Covers(hour, promise, 0));

    private static string Word(TokenKind kind) => kind == TokenKind.Input ? "input" : "output";

    private static string Ratio(double ratio) => double.IsPositiveInfinity(ratio) ? "no demand" : Text($"{ratio:0.00}");

    private static string N(double tokens) => Text($"{tokens:#,0}");

    private static string Time(long unixMs) => DateTimeOffset.FromUnixTimeMilliseconds(unixMs)
        .ToString("yyyy-MM-dd HH:mm'Z'", CultureInfo.InvariantCulture);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
