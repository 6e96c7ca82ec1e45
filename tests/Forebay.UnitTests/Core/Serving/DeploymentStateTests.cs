using Forebay.Core.Errors;
using Forebay.Core.Serving;
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

    [Fact]
    public void Three_failures_in_a_row_take_a_deployment_out_for_longer_and_longer()
    {
        var state = new DeploymentState("d");
        state.FailedWith(Reason.UpstreamCut, 0, null);
        state.FailedWith(Reason.UpstreamCut, 0, null);
        Assert.True(state.DownUntilMonotonicNs <= 0);

        state.FailedWith(Reason.UpstreamCut, 0, null);
        Assert.Equal(1_000_000_000, state.DownUntilMonotonicNs);

        state.FailedWith(Reason.UpstreamCut, 0, null);
        Assert.Equal(2_000_000_000, state.DownUntilMonotonicNs);
        Assert.Equal(Reason.UpstreamCut, state.LastFailure);
    }

    [Fact]
    public void A_pause_the_upstream_names_holds_from_the_first_failure()
    {
        var state = new DeploymentState("d");

        state.FailedWith(Reason.UpstreamAccount, 0, TimeSpan.FromSeconds(7));

        Assert.Equal(7_000_000_000, state.DownUntilMonotonicNs);
    }

    [Fact]
    public void Leaving_more_often_than_entering_is_a_broken_invariant() =>
        Assert.Throws<InvalidOperationException>(() => new DeploymentState("d").Leave());
}
