using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;
using Xunit;

namespace Forebay.UnitTests.Core.Serving;

public sealed class DeploymentStateTests
{
    /// <summary>Four race for three places, over and over, and none leaves before all have tried.</summary>
    [Fact]
    public async Task Racing_requests_never_pass_the_places()
    {
        const int racers = 4;
        const int places = 3;
        var state = new DeploymentState("d");
        using var barrier = new Barrier(racers);
        int[] entered = new int[2_000];

        await Task.WhenAll(Enumerable.Range(0, racers).Select(_ => Task.Factory.StartNew(
            () =>
            {
                for (int round = 0; round < entered.Length; round++)
                {
                    barrier.SignalAndWait();
                    bool inside = state.TryEnter(places);
                    Interlocked.Add(ref entered[round], inside ? 1 : 0);
                    barrier.SignalAndWait();
                    if (inside)
                    {
                        state.Leave();
                    }
                }
            },
            TestContext.Current.CancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)));

        Assert.All(entered, n => Assert.Equal(places, n));
        Assert.Equal(0, state.InFlight);
    }

    /// <summary>Long streams from before the opening neither take a trial's place nor give one back.</summary>
    [Fact]
    public void Trials_are_counted_apart_from_what_was_there_before()
    {
        var rules = new HealthRulesConfig();
        var state = new DeploymentState("d");
        for (int i = 0; i < 50; i++)
        {
            Assert.True(state.TryEnter(state.Places(256, 0)));
        }

        state.Breaker.TakeOut(OutCause.Probes, Reason.UpstreamCut, 10, 0.5, rules);
        Assert.True(state.IsOut(11));
        for (int i = 0; i < rules.TrialRequests; i++)
        {
            Assert.True(state.TryEnter(state.Places(256, 20)));
        }

        Assert.False(state.TryEnter(state.Places(256, 20)));
        state.Leave(enteredNs: 0);
        Assert.False(state.TryEnter(state.Places(256, 20)));
        Assert.False(state.TryEnter(int.MaxValue));
        state.Leave(enteredNs: 20);
        Assert.True(state.TryEnter(state.Places(256, 20)));
        Assert.Equal(50 - 1 + rules.TrialRequests, state.InFlight);
    }

    [Fact]
    public void A_trial_that_finds_no_place_gives_its_turn_back()
    {
        var state = new DeploymentState("d");
        state.Breaker.TakeOut(OutCause.Probes, Reason.UpstreamCut, 10, 0.5, new HealthRulesConfig());

        Assert.False(state.TryEnter(0));

        Assert.Equal(0, state.Breaker.Trials);
    }

    [Fact]
    public void A_client_fault_counts_neither_way()
    {
        var rules = new HealthRulesConfig { ConsecutiveFailures = 2 };
        var state = new DeploymentState("d");
        var failure = new FailedAttempt(Reason.UpstreamCut, FailureKind.Failure, 0, 1, null, 10, 0.5);
        state.FailedWith(failure, rules);
        state.Answered();

        Assert.Equal(OutCause.ConsecutiveFailures, state.FailedWith(failure, rules));
        Assert.Equal((1, 2, Reason.UpstreamCut), (state.Completed, state.Failed, state.LastFailure));
    }

    [Fact]
    public void Leaving_more_often_than_entering_is_a_broken_invariant() =>
        Assert.Throws<InvalidOperationException>(() => new DeploymentState("d").Leave());
}
