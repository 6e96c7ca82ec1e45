using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Xunit;

namespace Forebay.UnitTests.Core.Serving;

public sealed class DeploymentStateTests
{
    [Fact]
    public async Task Racing_requests_never_pass_the_places()
    {
        var state = new DeploymentState("d");
        int most = 0;

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(
            () =>
            {
                for (int i = 0; i < 20_000; i++)
                {
                    if (state.TryEnter(3))
                    {
                        int seen = state.InFlight;
                        int before = Volatile.Read(ref most);
                        while (seen > before && Interlocked.CompareExchange(ref most, seen, before) != before)
                        {
                            before = Volatile.Read(ref most);
                        }

                        state.Leave();
                    }
                }
            },
            TestContext.Current.CancellationToken)));

        Assert.InRange(most, 1, 3);
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
