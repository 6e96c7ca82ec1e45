using System.Collections.Immutable;

namespace Forebay.Core.Limits.Following;

/// <summary>What capacity falls together with.</summary>
/// <param name="Id">The group's id, or the provider's.</param>
/// <param name="IsProvider">Whether it is a provider by itself.</param>
public readonly record struct CapacityGroup(string Id, bool IsProvider);

/// <summary>Tokens per minute of both kinds.</summary>
/// <param name="Input">Input tokens per minute.</param>
/// <param name="Output">Output tokens per minute.</param>
public readonly record struct CapacityLevel(double Input, double Output)
{
    public double Of(TokenKind kind) => kind == TokenKind.Input ? Input : Output;
}

/// <summary>Capacity that is lost as a whole: a pool's, a deployment's.</summary>
/// <param name="Id">For people.</param>
/// <param name="Class">The class of models it serves.</param>
/// <param name="Groups">Everything it falls with; its provider too.</param>
/// <param name="Input">Input tokens per minute, by hour of the week as it comes next.</param>
/// <param name="Output">Output tokens likewise.</param>
public sealed record CapacitySource(
    string Id, string Class, ImmutableArray<CapacityGroup> Groups, WeekCurve Input, WeekCurve Output)
{
    /// <summary>What it has at this instant; null where the curves say that too.</summary>
    public CapacityLevel? Now { get; init; }

    /// <summary>What is left of it when the coming week is over; null where the curves say that too.</summary>
    public CapacityLevel? Lasting { get; init; }

    /// <summary>Where its figures are from, in words.</summary>
    public string Basis { get; init; } = "";

    /// <summary>From what it has in each hour of the coming week.</summary>
    /// <param name="id">For people.</param>
    /// <param name="modelClass">The class of models it serves.</param>
    /// <param name="groups">Everything it falls with.</param>
    /// <param name="at">By hour of the week; null where it stays as it is.</param>
    /// <param name="now">At this instant.</param>
    /// <param name="lasting">When the week is over.</param>
    public static CapacitySource Over(
        string id,
        string modelClass,
        ImmutableArray<CapacityGroup> groups,
        Func<int, CapacityLevel>? at,
        CapacityLevel now,
        CapacityLevel lasting)
    {
        if (at is null)
        {
            return new CapacitySource(id, modelClass, groups, WeekCurve.Flat(now.Input), WeekCurve.Flat(now.Output));
        }

        var input = new double[HourOfWeek.Count];
        var output = new double[HourOfWeek.Count];
        for (int hour = 0; hour < HourOfWeek.Count; hour++)
        {
            (input[hour], output[hour]) = at(hour);
        }

        return new CapacitySource(id, modelClass, groups, WeekCurve.Of(input), WeekCurve.Of(output))
        {
            Now = now, Lasting = lasting,
        };
    }
}

/// <summary>
/// What the tenants of one tier ask of one class of models together, were they given what the tier promises and no
/// more. Demand at multiplier m is taken to be <c>demand * (1 - s + s * m)</c>, <c>s</c> being
/// <see cref="LimitedShare"/>: tenants at their limits use all they are given, the others go on as they were.
/// </summary>
/// <param name="Tier">The tier.</param>
/// <param name="Class">The class of models.</param>
/// <param name="Tenants">Tenants that the tier has.</param>
/// <param name="InputPromise">Input tokens per minute that each is promised; null for no such limit.</param>
/// <param name="OutputPromise">Output tokens likewise.</param>
/// <param name="Input">Quantile of the input tokens per minute that all of them use, by hour of the week.</param>
/// <param name="Output">Output tokens likewise.</param>
/// <param name="LimitedShare">Share of that demand, by tokens, of tenants that are at their limits.</param>
public sealed record TierDemand(
    string Tier,
    string Class,
    int Tenants,
    double? InputPromise,
    double? OutputPromise,
    WeekCurve Input,
    WeekCurve Output,
    double LimitedShare)
{
    /// <summary>Whether anything was seen that a decision could rest on.</summary>
    public bool IsSeen => Input.Peak > 0 || Output.Peak > 0;
}

/// <summary>What the controller decides on, frozen.</summary>
/// <param name="Capacity">Effective capacity over the coming week.</param>
/// <param name="Demand">Demand by tier and class.</param>
/// <param name="HistoryHours">Hours of usage that the demand was read from.</param>
public sealed record FollowingInputs(
    ImmutableArray<CapacitySource> Capacity, ImmutableArray<TierDemand> Demand, double HistoryHours)
{
    /// <summary>Classes that anything is known of, in order.</summary>
    public IEnumerable<string> Classes => Capacity.Select(c => c.Class).Concat(Demand.Select(d => d.Class)).Distinct()
        .Order(StringComparer.Ordinal);

    /// <summary>Why nothing can be decided on these; empty where they can be trusted to be numbers.</summary>
    public ImmutableArray<string> Check()
    {
        var problems = ImmutableArray.CreateBuilder<string>();
        foreach (CapacitySource source in Capacity)
        {
            Check(source.Input, $"capacity of {source.Id} in input tokens", problems);
            Check(source.Output, $"capacity of {source.Id} in output tokens", problems);
            Check(source.Now, $"capacity of {source.Id} now", problems);
            Check(source.Lasting, $"capacity of {source.Id} after the coming week", problems);
        }

        foreach (TierDemand demand in Demand)
        {
            string who = $"demand of tier {demand.Tier} for class {demand.Class}";
            Check(demand.Input, $"{who} in input tokens", problems);
            Check(demand.Output, $"{who} in output tokens", problems);
            if (!(demand.LimitedShare >= 0 && demand.LimitedShare <= 1))
            {
                problems.Add($"the limited share of {who} is {demand.LimitedShare}, not between 0 and 1");
            }

            if (demand.Tenants < 0)
            {
                problems.Add($"tier {demand.Tier} has {demand.Tenants} tenants");
            }
        }

        foreach (IGrouping<(string, string), TierDemand> twice in
            Demand.GroupBy(d => (d.Tier, d.Class)).Where(g => g.Count() > 1))
        {
            problems.Add($"demand of tier {twice.Key.Item1} for class {twice.Key.Item2} is given twice");
        }

        if (!(HistoryHours >= 0))
        {
            problems.Add($"the length of the recorded usage is {HistoryHours} hours");
        }

        return problems.ToImmutable();
    }

    private static void Check(CapacityLevel? level, string what, ImmutableArray<string>.Builder problems)
    {
        if (level is { } given && !(given is { Input: >= 0, Output: >= 0 }
            && double.IsFinite(given.Input) && double.IsFinite(given.Output)))
        {
            problems.Add($"the {what} is {given.Input} and {given.Output}");
        }
    }

    private static void Check(WeekCurve curve, string what, ImmutableArray<string>.Builder problems)
    {
        for (int hour = 0; hour < HourOfWeek.Count; hour++)
        {
            if (!(curve[hour] >= 0 && double.IsFinite(curve[hour])))
            {
                problems.Add($"the {what} is {curve[hour]} at {HourOfWeek.Word(hour)}");
                return;
            }
        }
    }
}
