using System.Collections.Immutable;
using Forebay.Core.Capacity.Withdrawals;
using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Withdrawals;

public sealed class WithdrawalProgressTests
{
    private static Withdrawal Asked(long from = 100, long cut = 200, long? back = null) => new(
        "w-1", WithdrawalKind.Drain, new WithdrawalTarget(WithdrawalScope.Pool, "p"), "someone", 0, from, cut, back);

    [Fact]
    public void What_is_in_flight_ends_before_it_is_out()
    {
        Withdrawal asked = Asked();
        var progress = new WithdrawalProgress();

        Assert.Equal((progress, WithdrawalAction.None), progress.Step(asked, 99, 5));
        (progress, WithdrawalAction action) = progress.Step(asked, 100, 5);
        Assert.Equal((WithdrawalPhase.Leaving, WithdrawalAction.TakeOut), (progress.Phase, action));
        Assert.Equal((progress, WithdrawalAction.None), progress.Step(asked, 150, 1));
        (progress, action) = progress.Step(asked, 160, 0);
        Assert.Equal((WithdrawalPhase.Out, WithdrawalAction.Emptied), (progress.Phase, action));
        Assert.Equal((100L, 160L, 5, 0), (
            progress.TakenOutUnixMs!.Value, progress.EmptiedUnixMs!.Value, progress.InFlightAtStart,
            progress.CutRequests));
        Assert.Equal((progress, WithdrawalAction.None), progress.Step(asked, 1_000, 0));
    }

    [Fact]
    public void What_lasts_past_the_cut_is_cut_once()
    {
        Withdrawal asked = Asked();
        WithdrawalProgress progress = new WithdrawalProgress().Step(asked, 100, 5).Next;

        (progress, WithdrawalAction action) = progress.Step(asked, 200, 3);
        Assert.Equal((WithdrawalAction.Cut, 3), (action, progress.CutRequests));
        Assert.Equal(WithdrawalAction.None, progress.Step(asked, 300, 3).Action);
        Assert.Equal(WithdrawalAction.Emptied, progress.Step(asked, 301, 0).Action);
    }

    [Fact]
    public void One_taken_back_before_its_time_touches_nothing()
    {
        (WithdrawalProgress progress, WithdrawalAction action) = new WithdrawalProgress().Step(Asked(back: 50), 60, 5);
        Assert.Equal((WithdrawalPhase.Returned, WithdrawalAction.None), (progress.Phase, action));
    }

    /// <summary>Random times, also such that jump back, and random loads: a phase never goes back, each action is asked
    /// for at most once, nothing is cut early, and one that is to return does.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Whatever_happens_each_step_is_taken_once_and_in_order(int seed)
    {
        var random = new Random(seed);
        for (int run = 0; run < 2_000; run++)
        {
            long from = random.Next(100);
            Withdrawal asked = Asked(from, from + random.Next(100), random.Next(3) == 0 ? null : random.Next(400));
            var progress = new WithdrawalProgress();
            var done = new List<WithdrawalAction>();
            long now = 0;
            for (int i = 0; i < 60; i++)
            {
                now += random.Next(-5, 25);
                int inFlight = random.Next(3);
                (WithdrawalProgress next, WithdrawalAction action) = progress.Step(asked, now, inFlight);
                Assert.True(next.Phase >= progress.Phase);
                Assert.Equal(action != WithdrawalAction.None || next.Phase == WithdrawalPhase.Returned
                    && progress.Phase == WithdrawalPhase.Announced, next != progress);
                Assert.True(action != WithdrawalAction.Cut || now >= asked.CutUnixMs && inFlight > 0);
                Assert.True(action != WithdrawalAction.TakeOut || now >= asked.FromUnixMs);
                progress = next;
                done.Add(action);
            }

            done.RemoveAll(a => a == WithdrawalAction.None);
            Assert.Equal(done.Distinct().Count(), done.Count);
            Assert.Equal(done.Contains(WithdrawalAction.PutBack),
                progress.Phase == WithdrawalPhase.Returned && progress.TakenOutUnixMs is not null);
            Assert.True(asked.ReturnUnixMs is null || now < asked.ReturnUnixMs
                || progress.Phase == WithdrawalPhase.Returned);
        }
    }

    [Fact]
    public void A_report_counts_what_ended_between_two_readings()
    {
        var tally = new ServiceTally();
        tally.Ended(Reason.None, 1, false, 100);
        ServiceReading before = Reading(1_000, tally);
        tally.Ended(Reason.None, 1, false, 10);
        tally.Ended(Reason.None, 1, false, 20);
        ServiceReading start = Reading(11_000, tally);
        tally.Ended(Reason.None, 2, true, 90);
        tally.Ended(Reason.Overloaded, 0, false, -1);
        tally.Ended(Reason.UpstreamTimeout, 2, false, -1);
        tally.Ended(Reason.ClientGone, 1, false, -1);

        var report = WithdrawalReport.Of(before, start, Reading(14_000, tally));

        Assert.Equal((10.0, 3.0, 1L, 2L, 1L, 1L), (
            report.BeforeSeconds, report.DuringSeconds, report.Served, report.Moved, report.Refused, report.Failed));
        ModelImpact impact = Assert.Single(report.Models);
        Assert.Equal((2L, 4L, 1L), (impact.Before.Requests, impact.During.Requests, impact.During.Continued));
        Assert.InRange(impact.Before.FirstTokenP50Ms!.Value, 10, 12);
        Assert.InRange(impact.During.FirstTokenP95Ms!.Value, 90, 108);
        Assert.Equal(1, impact.During.Reasons[ReasonTable.LabelOf(Reason.Overloaded)]);
    }

    private static ServiceReading Reading(long ms, ServiceTally tally) =>
        new(ms, ImmutableDictionary<string, ServiceCounts>.Empty.Add("m", tally.Read()));
}
