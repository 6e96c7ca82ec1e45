using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;
using Forebay.Core.Time;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Health;

public sealed class BreakerTests
{
    private static readonly HealthRulesConfig Rules = new();
    private readonly DeploymentState _state = new("d");

    private static long Seconds(double seconds) => (long)(seconds * Instant.NsPerSecond);

    private BreakerState At(double seconds) => _state.Breaker.View(Seconds(seconds)).State;

    private OutCause Fail(
        double at, FailureKind kind = FailureKind.Failure, double? pause = null, double? entered = null) =>
        _state.FailedWith(
            new FailedAttempt(
                Reason.UpstreamCut, kind, Seconds(entered ?? at), Seconds(at),
                pause is { } p ? TimeSpan.FromSeconds(p) : null, 100, 0.5),
            Rules);

    private void Serve(double at, double? entered = null) =>
        _state.Succeeded(true, Seconds(entered ?? at), Seconds(at), 100, Rules);

    private void TakeOut(double at) =>
        _state.Breaker.TakeOut(OutCause.FailureShare, Reason.UpstreamCut, Seconds(at), 0.5, Rules);

    private List<(BreakerState, BreakerState)> Changes(double at)
    {
        var changes = new List<(BreakerState, BreakerState)>();
        while (_state.Breaker.TryTakeChange(Seconds(at), out HealthChange change))
        {
            changes.Add((change.From, change.To));
        }

        return changes;
    }

    [Fact]
    public void Failures_in_a_row_ask_to_be_taken_out_and_a_success_between_starts_anew()
    {
        OutCause[] asked = [.. Enumerable.Range(0, 4).Select(i => Fail(i))];
        Serve(4);
        OutCause[] again = [.. Enumerable.Range(5, 5).Select(i => Fail(i))];

        Assert.All(asked, c => Assert.Equal(OutCause.None, c));
        Assert.Equal([OutCause.None, OutCause.None, OutCause.None, OutCause.None, OutCause.ConsecutiveFailures], again);
        Assert.Equal(BreakerState.Closed, At(10));
    }

    [Fact]
    public void A_stream_from_before_the_failures_does_not_end_their_row()
    {
        for (int i = 1; i <= 4; i++)
        {
            Fail(i);
            Serve(i + 0.5, entered: 0);
        }

        Assert.Equal(OutCause.ConsecutiveFailures, Fail(5));
    }

    [Fact]
    public void Where_the_bound_keeps_it_in_four_times_as_many_take_it_out_all_the_same()
    {
        for (int i = 0; i < (Breaker.DeadFactor * Rules.ConsecutiveFailures) - 1; i++)
        {
            Fail(i);
            Assert.Equal(BreakerState.Closed, At(i));
        }

        Fail(20);
        Assert.Equal(BreakerState.Open, At(20));
    }

    [Fact]
    public void Half_of_enough_attempts_in_the_window_ask_and_what_is_older_is_forgotten()
    {
        for (int i = 0; i < 19; i++)
        {
            if (i % 2 == 0)
            {
                Serve(i * 0.1);
            }
            else
            {
                Assert.Equal(OutCause.None, Fail(i * 0.1));
            }
        }

        Assert.Equal(OutCause.FailureShare, Fail(2));
        Assert.Equal(OutCause.None, Fail(60));
    }

    [Fact]
    public void It_comes_back_over_trials_and_a_ramp()
    {
        TakeOut(100);
        Assert.True(_state.IsOut(Seconds(101.9)));
        Assert.Equal(BreakerState.HalfOpen, At(102));
        Assert.False(_state.IsOut(Seconds(102)));
        Assert.Equal(Rules.TrialRequests, _state.Places(100, Seconds(102)));

        Serve(102.1);
        Serve(102.2);
        Assert.Equal(BreakerState.HalfOpen, At(102.2));
        Serve(103);
        Assert.Equal(BreakerState.Recovering, At(103));
        int[] places = [.. Enumerable.Range(0, 22).Select(i => _state.Places(100, Seconds(103 + i)))];
        Assert.Equal((10, 100), (places[0], places[^1]));
        Assert.Equal(places.Order(), places);
        Assert.InRange(places[10], 53, 57);
        Assert.Equal(BreakerState.Closed, At(123));
        Assert.Equal(
            [
                (BreakerState.Closed, BreakerState.Open),
                (BreakerState.Open, BreakerState.HalfOpen),
                (BreakerState.HalfOpen, BreakerState.Recovering),
                (BreakerState.Recovering, BreakerState.Closed),
            ],
            Changes(124));
    }

    [Fact]
    public void What_began_before_it_opened_does_not_count_as_a_trial()
    {
        TakeOut(100);
        for (int i = 0; i < 10; i++)
        {
            Serve(103, entered: 99);
            Fail(103, entered: 99);
        }

        Assert.Equal(BreakerState.HalfOpen, At(103));
    }

    [Fact]
    public void Failed_trials_open_it_for_longer_and_longer_up_to_the_cap()
    {
        TakeOut(0);
        double at = 0;
        var opened = new List<double>();
        for (int i = 0; i < 8; i++)
        {
            double until = _state.Breaker.View(Seconds(at)).UntilNs / (double)Instant.NsPerSecond;
            opened.Add(until - at);
            at = until;
            Fail(at);
        }

        Assert.Equal([2, 4, 8, 16, 32, 60, 60, 60], opened.Select(s => Math.Round(s, 3)));
    }

    [Fact]
    public void A_last_resort_that_fails_while_it_is_open_changes_nothing()
    {
        TakeOut(0);
        long until = _state.Breaker.View(0).UntilNs;
        for (int i = 0; i < 100; i++)
        {
            Fail(1);
        }

        Assert.Equal(until, _state.Breaker.View(Seconds(1)).UntilNs);
        Assert.Single(Changes(1));
    }

    [Fact]
    public void Time_out_starts_small_again_only_after_it_held_for_long()
    {
        TakeOut(0);
        double at = 2;
        double Recover(double from)
        {
            for (int i = 0; i < 3; i++)
            {
                Serve(from);
            }

            return from + Rules.RampSeconds;
        }

        at = Recover(at);
        TakeOut(at + 1);
        Assert.Equal(Seconds(at + 1 + 4), _state.Breaker.View(Seconds(at + 1)).UntilNs);
        at = Recover(at + 5);
        TakeOut(at + Rules.MaxOpenSeconds + 1);
        Assert.Equal(
            Seconds(at + Rules.MaxOpenSeconds + 1 + 2), _state.Breaker.View(Seconds(at + Rules.MaxOpenSeconds + 1)).UntilNs);
    }

    [Theory]
    [InlineData(7, 7)]
    [InlineData(100_000, 60)]
    public void A_time_the_upstream_names_holds_from_the_first_failure_up_to_the_cap(double named, double held)
    {
        Fail(1, FailureKind.Overload, pause: named);

        BreakerView view = _state.Breaker.View(Seconds(1));
        Assert.Equal((OutCause.Asked, Seconds(1 + held)), (view.Cause, view.UntilNs));
    }

    [Fact]
    public void An_account_that_is_refused_is_left_alone_for_long()
    {
        Fail(0, FailureKind.Account);

        Assert.Equal((OutCause.Account, Seconds(300)), (_state.Breaker.View(0).Cause, _state.Breaker.View(0).UntilNs));
        Assert.Equal(BreakerState.HalfOpen, At(300));
        Fail(301, FailureKind.Account);
        Assert.Equal(Seconds(601), _state.Breaker.View(Seconds(301)).UntilNs);
    }

    [Fact]
    public void A_rate_limit_pauses_and_shrinks_and_is_no_failure()
    {
        for (int i = 0; i < 40; i++)
        {
            Assert.True(_state.TryEnter(_state.Places(100, 0)));
        }

        Fail(1, FailureKind.RateLimit, pause: 5);

        Assert.Equal(BreakerState.Paused, At(1));
        Assert.True(_state.IsOut(Seconds(5.9)));
        Assert.Equal(BreakerState.Closed, At(6));
        Assert.Equal(50, _state.Places(100, Seconds(6)));
        Assert.Equal(
            [(BreakerState.Closed, BreakerState.Paused), (BreakerState.Paused, BreakerState.Closed)], Changes(6));
        for (int i = 0; i < 1000; i++)
        {
            Assert.Equal(OutCause.None, Fail(7, FailureKind.RateLimit));
        }

        Assert.NotEqual(BreakerState.Open, At(8));
    }

    [Fact]
    public void Rate_limits_without_a_time_pause_for_longer_and_longer_from_the_third_on()
    {
        Fail(1, FailureKind.RateLimit);
        Fail(2, FailureKind.RateLimit);
        Assert.False(_state.IsOut(Seconds(2)));
        Fail(3, FailureKind.RateLimit);
        Assert.Equal(Seconds(5), _state.Breaker.View(Seconds(3)).UntilNs);
        Fail(6, FailureKind.RateLimit);
        Assert.Equal(Seconds(10), _state.Breaker.View(Seconds(6)).UntilNs);
        Serve(11);
        Fail(12, FailureKind.RateLimit);
        Assert.False(_state.IsOut(Seconds(12)));
    }

    [Fact]
    public void Probes_take_out_what_serves_nothing_and_let_trials_in_early_but_never_close()
    {
        var watch = new DeploymentHealthConfig();
        void Probe(bool good, double at) => _state.Probed(good, Seconds(at), watch, Rules, 0.5);
        Probe(false, 1);
        Probe(false, 2);
        Assert.Equal(BreakerState.Closed, At(2));
        Probe(false, 3);
        Assert.Equal((BreakerState.Open, OutCause.Probes), (At(3), _state.Breaker.View(Seconds(3)).Cause));

        Probe(true, 3.5);
        Assert.Equal(BreakerState.Open, At(3.5));
        Probe(true, 4);
        Assert.Equal(BreakerState.HalfOpen, At(4));
        for (int i = 0; i < 100; i++)
        {
            Probe(true, 5 + i);
        }

        Assert.Equal(BreakerState.HalfOpen, At(200));
    }

    [Fact]
    public void Probes_do_not_overrule_requests_that_are_served()
    {
        var watch = new DeploymentHealthConfig();
        for (int i = 0; i < 20; i++)
        {
            Serve(i);
            _state.Probed(false, Seconds(i + 0.5), watch, Rules, 0.5);
            _state.Probed(false, Seconds(i + 0.6), watch, Rules, 0.5);
            Assert.Equal(BreakerState.Closed, At(i + 0.7));
        }
    }

    [Fact]
    public void A_good_probe_is_no_news_where_probes_were_never_bad()
    {
        var watch = new DeploymentHealthConfig();
        TakeOut(100);
        for (int i = 0; i < 10; i++)
        {
            _state.Probed(true, Seconds(100 + i * 0.1), watch, Rules, 0.5);
        }

        Assert.Equal(BreakerState.Open, At(101.5));
    }

    [Fact]
    public void Another_endpoint_starts_with_a_clean_slate()
    {
        Fail(0, FailureKind.Account);
        _state.ForgetHealth(Seconds(1));

        Assert.False(_state.IsOut(Seconds(1)));
        Assert.Equal(100, _state.Places(100, Seconds(1)));
    }
}
