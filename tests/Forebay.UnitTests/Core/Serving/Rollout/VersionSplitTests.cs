using Forebay.Core.Serving.Rollout;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Rollout;

public sealed class VersionSplitTests
{
    private static VersionSplit Split(double share, long rollout = 1, bool open = true) =>
        new(rollout, "atlas", "a", "b", share, open, new VersionTally());

    /// <summary>Whatever the hashes are like (here: consecutive, the worst), the share of conversations is as asked for, within
    /// five standard deviations of a binomial.</summary>
    [Fact]
    public void The_share_is_respected() => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        double share = random.NextDouble();
        VersionSplit split = Split(share, random.Next(1, 1000));
        ulong start = (ulong)random.NextInt64();
        const int Conversations = 20_000;
        int taken = Enumerable.Range(0, Conversations).Count(i => split.TakesNew(start + (ulong)i));

        double deviation = Math.Sqrt(Conversations * share * (1 - share)) + 1;
        Assert.InRange(taken, Conversations * share - 5 * deviation, Conversations * share + 5 * deviation);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_conversation_stays_and_a_larger_share_moves_none_back() => Prop.ForAll<ulong, int>((conversation, seed) =>
    {
        var random = new Random(seed);
        double[] shares = [0, .. Enumerable.Range(0, 20).Select(_ => random.NextDouble()).Order(), 1];
        bool[] taken = [.. shares.Select(s => Split(s).TakesNew(conversation))];

        Assert.Equal(taken.Order(), taken);
        Assert.Equal((false, true), (taken[0], taken[^1]));
        Assert.Equal(taken, shares.Select(s => Split(s, open: false).TakesNew(conversation)));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Another_rollout_begins_with_other_conversations()
    {
        int both = Enumerable.Range(0, 100_000)
            .Count(i => Split(0.1, 1).TakesNew((ulong)i) && Split(0.1, 2).TakesNew((ulong)i));

        Assert.InRange(both, 850, 1150);
    }

    [Fact]
    public void What_has_ended_serves_one_version_alone()
    {
        Assert.Equal((true, true), (Split(0.5).Serves(true), Split(0.5).Serves(false)));
        Assert.Equal((true, false), (Split(1, open: false).Serves(true), Split(1, open: false).Serves(false)));
        Assert.Equal((false, true), (Split(0, open: false).Serves(true), Split(0, open: false).Serves(false)));
    }
}
