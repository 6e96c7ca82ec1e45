using Forebay.Core.Errors;
using Forebay.Core.Limits;
using Forebay.Core.Time;
using Forebay.Simulation.Cells;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Simulation.Cells;

public sealed class CellTests
{
    private static readonly CellObjective Objective = new(5_000, 50);

    [Fact]
    public void A_seed_replays_a_run_to_the_event_and_another_seed_does_not()
    {
        CellTrace trace = CellFixture.Trace(1, 200, 5);
        foreach (CellPolicy policy in CellPolicy.All)
        {
            CellEnd[] ends = [.. new ulong[] { 3, 3, 4 }.Select(seed => Run(
                new CellSpec
                {
                    Fleet = CellFixture.Fleet(), Arrivals = trace.Arrivals(seed, 40_000), Policy = policy, Seed = seed,
                },
                out _))];
            Assert.Equal(ends[0].Digest, ends[1].Digest);
            Assert.Equal(ends[0].Events, ends[1].Events);
            Assert.Equal(ends[0].Engines.SelectMany(e => e), ends[1].Engines.SelectMany(e => e));
            Assert.NotEqual(ends[0].Digest, ends[2].Digest);
        }
    }

    /// <summary>Whatever the load, the places and the patience: the checker finds nothing, and the engines agree with
    /// what was observed.</summary>
    [Fact]
    public void Every_request_ends_once_and_places_are_kept() =>
        Prop.ForAll(Gen.Choose(0, 1_000_000).ToArbitrary(), seed =>
        {
            var draw = new Forebay.Simulation.Traces.SplitMix64((ulong)seed, 99);
            CellTrace trace = CellFixture.Trace((ulong)seed, 80, 5);
            var spec = new CellSpec
            {
                Fleet = CellFixture.Fleet(places: 1 + draw.NextInt(12)),
                Arrivals = trace.Arrivals((ulong)seed, 10_000 * (1 + draw.NextInt(20))),
                MaxWaiting = draw.NextInt(40),
                MaxWaitSeconds = draw.NextInt(4),
                Policy = CellPolicy.All[draw.NextInt(CellPolicy.All.Count)],
                Seed = (ulong)seed,
            };
            CellEnd end = Run(spec, out CellTally tally);
            var report = CellReport.Of(spec, tally, end, Objective);
            Assert.Equal(spec.Arrivals.Length, report.Served + report.Refused.Values.Sum());
            Assert.Equal(report.Served, end.Engines.Sum(d => d.Sum(e => e.Finished)));
            Assert.All(end.Engines.SelectMany(e => e), e => Assert.Equal(0, e.Running + e.Waiting + e.UsedBlocks));
            Assert.Equal(report.Deployments.Sum(d => d.OutputTokens), end.Engines.Sum(d => d.Sum(e => e.GeneratedTokens)));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void One_request_alone_takes_link_prefill_and_link()
    {
        CellTrace trace = CellFixture.Trace(5, 1, 1);
        CellRequest request = trace.Requests[0];
        var spec = new CellSpec { Fleet = CellFixture.Fleet(), Arrivals = trace.Arrivals(0, 1_000) };
        CellEnd end = Run(spec, out CellTally tally);
        CellTimes times = tally.Times[0];
        DeploymentSpec where = spec.Fleet.Deployments[times.Deployment];
        long pairs = (long)request.InputTokens * (request.InputTokens + 1) / 2;
        double prefillMs = where.Engine.StepPs(1, request.InputTokens, 0, pairs) / 1e9;
        Assert.Equal(where.Deployment.Site.Link!.LatencyMs + prefillMs, times.TimeToFirstTokenMs, tolerance: 0.001);
        Assert.Equal(0, times.QueuedMs);
        Assert.Equal(request.OutputTokens, times.OutputTokens);
        Assert.Equal(1, end.Engines.Sum(d => d.Sum(e => e.Finished)));
    }

    [Fact]
    public void A_full_fleet_queues_and_turns_away_as_the_gateway_does()
    {
        CellTrace trace = CellFixture.Trace(2, 30, 5);
        var spec = new CellSpec
        {
            Fleet = CellFixture.Fleet(places: 2),
            Arrivals = trace.Arrivals(0, double.PositiveInfinity),
            MaxWaiting = 10,
        };
        CellEnd end = Run(spec, out CellTally tally);
        var report = CellReport.Of(spec, tally, end, Objective);

        // All come at once: four take the places, ten wait, the others are told so; first come, first served.
        Assert.Equal(14, report.Served);
        Assert.Equal(16, Assert.Single(report.Refused).Value);
        Assert.Equal(ReasonTable.LabelOf(Reason.Overloaded), report.Refused.Keys.Single());
        long[] placed = [.. tally.Times.Where(t => t.Refused == Reason.None).Select(t => t.PlacedNs)];
        Assert.Equal(placed.Order(), placed);
        Assert.True(report.Queued.MaxMs > 0);
    }

    [Fact]
    public void Limits_turn_away_what_is_over_them()
    {
        CellTrace trace = CellFixture.Trace(2, 30, 5);
        var spec = new CellSpec
        {
            Fleet = CellFixture.Fleet(tier: new TierConfig { Id = "small", RequestsPerMinute = 7 }),
            Arrivals = trace.Arrivals(0, double.PositiveInfinity),
        };
        CellEnd end = Run(spec, out CellTally tally);
        var report = CellReport.Of(spec, tally, end, Objective);
        Assert.Equal(7, report.Served);
        Assert.Equal(23, report.Refused[ReasonTable.LabelOf(Reason.LimitRequests)]);
    }

    [Fact]
    public void The_checker_sees_what_it_is_there_for()
    {
        CellFleet fleet = CellFixture.Fleet(places: 1);
        CellArrival[] arrivals = CellFixture.Trace(1, 3, 1).Arrivals(0, 1_000);
        var early = new Instant(0, 0);
        Violates(c => c.Placed(0, 0, early), "never arrived");
        Violates(c => { Arrive(c, 0); Arrive(c, 0); }, "arrived twice");
        Violates(c => { Arrive(c, 0); c.Arrived(1, early); }, "at another time");
        Violates(
            c => { Arrive(c, 0); Arrive(c, 1); c.Placed(0, 0, At(1)); c.Placed(1, 0, At(1)); }, "two in one place");
        Violates(c => { Arrive(c, 0); Arrive(c, 1); c.Placed(0, 0, early); }, "back in time");
        Violates(c => { Arrive(c, 0); c.Placed(0, 0, At(0)); c.FirstToken(0, 1, 0, At(0)); }, "by another deployment");
        Violates(c => { Arrive(c, 0); c.Placed(0, 0, At(0)); c.FirstToken(0, 0, 99_999, At(0)); }, "more cached than sent");
        Violates(c => { Arrive(c, 0); c.Placed(0, 0, At(0)); c.FirstToken(0, 0, 0, At(0)); c.Finished(0, 0, -1, At(0)); }, "tokens");
        Violates(c => { Arrive(c, 0); c.Ended(); }, "left over");

        void Violates(Action<CellChecker> run, string what)
        {
            var checker = new CellChecker(fleet, arrivals);
            Assert.True(Record.Exception(() => run(checker)) is InvalidOperationException, what);
        }

        Instant At(int request) => new(arrivals[request].AtNs, 0);
        void Arrive(CellChecker checker, int request) => checker.Arrived(request, At(request));
    }

    private static CellEnd Run(CellSpec spec, out CellTally tally)
    {
        var checker = new CellChecker(spec.Fleet, spec.Arrivals);
        tally = new CellTally(spec.Arrivals);
        CellEnd end = Cell.Run(spec, new CellObservers([checker, tally]));
        checker.Ended();
        return end;
    }
}
