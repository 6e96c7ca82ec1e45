using System.Numerics;
using Forebay.Core.Serving.Rollout;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Rollout;

public sealed class HarmTestTests
{
    [Fact]
    public void The_tail_is_that_of_counting_every_draw() => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        int all = random.Next(1, 120);
        int bad = random.Next(0, all + 1);
        int drawn = random.Next(1, Math.Max(2, all));
        int found = random.Next(0, Math.Min(bad, drawn) + 2);

        double tail = HarmTest.Tail(all, bad, drawn, found);

        bool nothingToTell = bad == 0 || drawn == all;
        Assert.Equal(nothingToTell ? 1 : Counted(all, bad, drawn, found), tail, 1e-10);
    }).QuickCheckThrowOnFailure();

    /// <summary>Beyond the sums by hand: a million answers, against the normal limit with its continuity correction.</summary>
    [Theory]
    [InlineData(1_000_000, 10_000, 500_000, 5_116, 0.01)]
    [InlineData(1_000_000, 10_000, 500_000, 5_000, 0.504)]
    [InlineData(10_000_000, 5_000_000, 100_000, 50_000, 0.5013)]
    public void Large_counts_are_exact_enough(long all, long bad, long drawn, long found, double expected) =>
        Assert.Equal(expected, HarmTest.Tail(all, bad, drawn, found), expected * 0.02);

    /// <summary>Both versions alike: at most the share of looks that may say otherwise does.</summary>
    [Fact]
    public void Versions_that_are_alike_are_told_apart_no_more_often_than_allowed()
    {
        var random = new Random(7);
        const int Runs = 4000;
        (int failures, int median, int tail) = (0, 0, 0);
        for (int i = 0; i < Runs; i++)
        {
            (VersionArm old, VersionArm next) = (Arm(random, 300, 0.05, 100), Arm(random, 60, 0.05, 100));
            failures += HarmTest.Failures(old, next) < 0.05 ? 1 : 0;
            median += HarmTest.Times(old.FirstToken, next.FirstToken, 0.5, 0) < 0.05 ? 1 : 0;
            tail += HarmTest.Times(old.FirstToken, next.FirstToken, 0.9, 0) < 0.05 ? 1 : 0;
        }

        // Five in a hundred and three standard deviations more.
        Assert.All((int[])[failures, median, tail], count => Assert.InRange(count, 1, Runs * 0.0604));
    }

    [Fact]
    public void Slowness_within_the_slack_is_no_harm_and_beyond_it_is()
    {
        var random = new Random(11);
        VersionArm old = Arm(random, 2000, 0, 100);

        Assert.True(HarmTest.Times(old.FirstToken, Arm(random, 400, 0, 115).FirstToken, 0.5, 0.25) > 0.01);
        Assert.True(HarmTest.Times(old.FirstToken, Arm(random, 400, 0, 200).FirstToken, 0.5, 0.25) < 1e-3);
        Assert.True(HarmTest.Times(old.FirstToken, Arm(random, 400, 0, 200).FirstToken, 0.9, 0.25) < 1e-3);
        Assert.True(HarmTest.Times(old.FirstToken, Arm(random, 400, 0, 50).FirstToken, 0.5, 0.25) > 0.99);
        Assert.Equal(1, HarmTest.Times(old.FirstToken, new VersionArm().FirstToken, 0.5, 0.25));
    }

    private static VersionArm Arm(Random random, int answers, double failing, double meanMs)
    {
        var arm = new VersionArm();
        for (int i = 0; i < answers; i++)
        {
            if (random.NextDouble() < failing)
            {
                arm.AddFailed();
            }
            else
            {
                arm.AddServed(-Math.Log(1 - random.NextDouble()) * meanMs, -1);
            }
        }

        return arm;
    }

    private static double Counted(int all, int bad, int drawn, int found)
    {
        BigInteger sum = 0;
        for (int k = found; k <= Math.Min(bad, drawn); k++)
        {
            sum += Choose(bad, k) * Choose(all - bad, drawn - k);
        }

        return (double)sum / (double)Choose(all, drawn);
    }

    private static BigInteger Choose(int n, int k)
    {
        if (k < 0 || k > n)
        {
            return 0;
        }

        BigInteger result = 1;
        for (int i = 1; i <= k; i++)
        {
            result = result * (n - k + i) / i;
        }

        return result;
    }
}
