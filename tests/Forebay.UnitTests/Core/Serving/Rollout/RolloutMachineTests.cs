using Forebay.Core.Serving.Rollout;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Rollout;

public sealed class RolloutMachineTests
{
    private static ModelRollout Begun(double holdSeconds = 60, int minRequests = 50) => new()
    {
        Id = 1,
        Model = "atlas",
        From = "a",
        To = "b",
        Steps = [0.01, 0.1, 1],
        HoldSeconds = holdSeconds,
        MinRequests = minRequests,
        FalseAlarmShare = 0.01,
        LatencySlackShare = 0.25,
        StartedUnixMs = 0,
        StepSinceUnixMs = 0,
        ChangedUnixMs = 0,
        Actor = "test",
    };

    [Fact]
    public void Each_step_is_held_for_its_time_and_its_answers()
    {
        ModelRollout rollout = Begun();
        var tally = new VersionTally();
        var mark = default(RolloutMark);
        Serve(tally, 1000, 49);
        Assert.Equal(0, RolloutMachine.Next(rollout, tally, ref mark, 1_000_000).Step);
        Serve(tally, 0, 1);
        Assert.Equal(0, RolloutMachine.Next(rollout, tally, ref mark, 59_999).Step);
        rollout = RolloutMachine.Next(rollout, tally, ref mark, 60_000);
        Assert.Equal((1, 0.1, 60_000L), (rollout.Step, rollout.Share, rollout.StepSinceUnixMs));

        // What was answered at the step before does not count.
        Assert.Equal(1, RolloutMachine.Next(rollout, tally, ref mark, 1_000_000).Step);
        Serve(tally, 0, 50);
        rollout = RolloutMachine.Next(rollout, tally, ref mark, 1_000_000);
        Assert.Equal((RolloutPhase.Running, 1.0), (rollout.Phase, rollout.Share));
        Serve(tally, 0, 50);
        rollout = RolloutMachine.Next(rollout, tally, ref mark, 2_000_000);
        Assert.Equal((RolloutPhase.Completed, 1.0, false), (rollout.Phase, rollout.Share, rollout.IsOpen));
    }

    [Theory]
    [InlineData(RolloutPhase.Running)]
    [InlineData(RolloutPhase.Paused)]
    public void A_version_that_fails_is_rolled_back_even_while_paused_and_says_why(RolloutPhase phase)
    {
        var tally = new VersionTally();
        Serve(tally, 1000, 0);
        for (int i = 0; i < 10; i++)
        {
            tally.Of("p").New.AddFailed();
        }

        var mark = default(RolloutMark);
        ModelRollout next = RolloutMachine.Next(Begun() with { Phase = phase }, tally, ref mark, 1);

        Assert.Equal((RolloutPhase.RolledBack, 0.0, RolloutMachine.Itself), (next.Phase, next.Share, next.Actor));
        Assert.Contains("10 of 10 answers of b failed, 0 of 1000 of a", next.Reason, StringComparison.Ordinal);
    }

    /// <summary>A provider where both are slow says nothing; one where only the new version is does. And where no provider
    /// serves both, what there is is compared.</summary>
    [Fact]
    public void Versions_are_compared_at_each_provider()
    {
        var tally = new VersionTally();
        Serve(tally, 500, 0, "fast", 50);
        Serve(tally, 20, 200, "slow", 500);
        var mark = default(RolloutMark);
        Assert.Equal(RolloutPhase.Running, RolloutMachine.Next(Begun(), tally, ref mark, 1).Phase);

        var apart = new VersionTally();
        Serve(apart, 500, 0, "fast", 50);
        Serve(apart, 0, 200, "slow", 500);
        mark = default;
        ModelRollout next = RolloutMachine.Next(Begun(), apart, ref mark, 1);
        Assert.Equal(RolloutPhase.RolledBack, next.Phase);
        Assert.Contains("worse at different providers: time to first token", next.Reason, StringComparison.Ordinal);
    }

    /// <summary>Ten thousand answers looked at again and again: at most one rollout in a hundred of a version that is no worse
    /// is rolled back.</summary>
    [Fact]
    public void Looking_often_does_not_make_false_alarms()
    {
        const int Rollouts = 400;
        int alarms = 0;
        for (int seed = 0; seed < Rollouts; seed++)
        {
            var random = new Random(seed);
            var tally = new VersionTally();
            ModelRollout rollout = Begun(minRequests: int.MaxValue);
            var mark = default(RolloutMark);
            for (int i = 0; i < 3000 && rollout.IsOpen; i++)
            {
                VersionArm arm = tally.Of("p").Of(random.Next(4) == 0);
                if (random.NextDouble() < 0.03)
                {
                    arm.AddFailed();
                }
                else
                {
                    arm.AddServed(-Math.Log(1 - random.NextDouble()) * 100, 10 + random.NextDouble());
                }

                rollout = RolloutMachine.Next(rollout, tally, ref mark, i);
            }

            alarms += rollout.Phase == RolloutPhase.RolledBack ? 1 : 0;
        }

        // One in a hundred and three standard deviations more.
        Assert.InRange(alarms, 0, 10);
    }

    /// <summary>Whatever happens and whatever operators do in any order: the share rises step by step or falls to nothing,
    /// what has ended stays ended but for a rollback, and a rollback is always at hand.</summary>
    [Fact]
    public void No_order_of_events_breaks_the_rules() => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        var tally = new VersionTally();
        ModelRollout rollout = Begun(random.Next(3), random.Next(1, 20));
        var mark = default(RolloutMark);
        long now = 0;
        for (int i = 0; i < 200; i++)
        {
            now += random.Next(2000);
            ModelRollout before = rollout;
            switch (random.Next(8))
            {
                case 0:
                    rollout = RolloutMachine.Pause(rollout, "op", now) ?? rollout;
                    break;
                case 1:
                    rollout = RolloutMachine.Resume(rollout, "op", now) ?? rollout;
                    break;
                case 2:
                    rollout = RolloutMachine.Restarted(rollout, null, now);
                    tally = new VersionTally();
                    mark = default;
                    break;
                case 3 when random.Next(20) == 0:
                    rollout = RolloutMachine.RollBack(rollout, "op", "asked", now);
                    break;
                default:
                    Serve(tally, random.Next(5), random.Next(5));
                    rollout = RolloutMachine.Next(rollout, tally, ref mark, now);
                    break;
            }

            Assert.True(rollout.Share >= before.Share || rollout is { Phase: RolloutPhase.RolledBack, Share: 0 });
            Assert.InRange(rollout.Step - before.Step, 0, 1);
            Assert.True(rollout.Looks >= before.Looks);
            Assert.True(before.Phase != RolloutPhase.RolledBack || rollout == before);
            Assert.True(before.Phase != RolloutPhase.Completed
                || rollout.Phase is RolloutPhase.Completed or RolloutPhase.RolledBack);
            Assert.True(before.Phase != RolloutPhase.Paused || rollout.Step == before.Step);
            ModelRollout back = RolloutMachine.RollBack(rollout, "op", "", now);
            Assert.Equal((RolloutPhase.RolledBack, 0.0), (back.Phase, back.Share));
        }
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("1", null)]
    [InlineData("0.01 0.5 1", null)]
    [InlineData("", "100 shares")]
    [InlineData("0.5", "last share must be 1")]
    [InlineData("0.5 0.5 1", "larger")]
    [InlineData("0 1", "above 0")]
    [InlineData("0.5 1.5", "at most 1")]
    [InlineData("NaN 1", "above 0")]
    public void Steps_rise_to_one(string steps, string? wrong)
    {
        double[] shares = [.. steps.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(s => double.Parse(s, System.Globalization.CultureInfo.InvariantCulture))];

        string? said = RolloutMachine.CheckSteps(shares);

        Assert.Equal(wrong is null, said is null);
        Assert.Contains(wrong ?? "", said ?? "", StringComparison.Ordinal);
    }

    private static void Serve(VersionTally tally, int old, int next, string provider = "p", double firstMs = 100)
    {
        for (int i = 0; i < old; i++)
        {
            tally.Of(provider).Old.AddServed(firstMs, 10);
        }

        for (int i = 0; i < next; i++)
        {
            tally.Of(provider).New.AddServed(firstMs, 10);
        }
    }
}
