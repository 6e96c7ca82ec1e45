using System.Collections.Immutable;
using Forebay.Core.Limits.Following;

namespace Forebay.UnitTests.Core.Limits.Following;

/// <summary>Inputs by hand and by seed.</summary>
internal static class FollowingCases
{
    public const long HourMs = 3_600_000;

    /// <summary>Rules without waiting, so that one step shows what is possible.</summary>
    public static LimitsFollowConfig AtOnce { get; } = new()
    {
        LeastLimitedShare = 0, RaiseAfterHours = 0, LowerAfterHours = 0, LeastHistoryHours = 0,
    };

    public static CapacitySource Source(string id, double output, params string[] groups) => new(
        id,
        "large",
        [new CapacityGroup(id, true), .. groups.Select(g => new CapacityGroup(g, false))],
        WeekCurve.Flat(output * 4),
        WeekCurve.Flat(output));

    public static TierDemand Demand(string tier, double output, double limited = 1, int tenants = 10) => new(
        tier, "large", tenants, null, null, WeekCurve.Flat(output), WeekCurve.Flat(output), limited);

    public static FollowingInputs Inputs(ImmutableArray<CapacitySource> capacity, params TierDemand[] demand) =>
        new(capacity, [.. demand], 1000);

    /// <summary>Capacity that survives the loss of any one of its four providers.</summary>
    public static ImmutableArray<CapacitySource> Usable(double output) =>
    [
        .. Enumerable.Range(0, 4).Select(i => Source($"p{i}", output / 3)),
    ];

    /// <summary>Anything that may come up, by seed: several classes, groups that overlap, uneven hours, zeros.</summary>
    public static FollowingInputs Random(Random random)
    {
        string[] classes = ["large", "small", TierMultipliers.Unclassed];
        string[] groups = ["g0", "g1", "g2"];
        return new FollowingInputs(
            [
                .. Enumerable.Range(0, random.Next(6)).Select(i => new CapacitySource(
                    $"s{i}",
                    classes[random.Next(classes.Length)],
                    [
                        new CapacityGroup($"p{random.Next(4)}", true),
                        .. groups.Where(_ => random.Next(3) == 0).Select(g => new CapacityGroup(g, false)),
                    ],
                    Curve(random, 4000),
                    Curve(random, 1000))),
            ],
            [
                .. Enumerable.Range(0, 4).SelectMany(t => classes.Where(_ => random.Next(2) == 0).Select(c =>
                    new TierDemand(
                        $"t{t}", c, random.Next(100), null, null, Curve(random, 1000), Curve(random, 300),
                        random.NextDouble()))),
            ],
            1000);
    }

    /// <summary>Multipliers that some past may have left.</summary>
    public static TierMultipliers RandomMultipliers(Random random, FollowingInputs inputs, double[] steps) =>
        TierMultipliers.Of(inputs.Demand.Where(_ => random.Next(3) > 0).Select(d =>
        {
            double high = steps[random.Next(steps.Length)];
            double low = steps[random.Next(steps.Length)];
            double[] byHour = new double[HourOfWeek.Count];
            for (int hour = 0; hour < byHour.Length; hour++)
            {
                byHour[hour] = hour % 24 is >= 12 and < 18 ? Math.Min(low, high) : high;
            }

            return TierMultiplier.Of(d.Tier, d.Class, byHour);
        }));

    private static WeekCurve Curve(Random random, double most)
    {
        double mean = random.Next(5) == 0 ? 0 : random.NextDouble() * most;
        double[] values = new double[HourOfWeek.Count];
        for (int hour = 0; hour < values.Length; hour++)
        {
            values[hour] = random.Next(20) == 0 ? 0 : mean * (0.5 + random.NextDouble());
        }

        return WeekCurve.Of(values);
    }
}
