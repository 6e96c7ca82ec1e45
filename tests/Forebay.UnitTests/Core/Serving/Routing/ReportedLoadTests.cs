using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Routing;

public sealed class ReportedLoadTests
{
    private const long Interval = 5 * Instant.NsPerSecond;
    private const long At = 1_000_000_000_000;

    private static readonly SpeedPrior Known = SpeedPrior.Unknown with { KvTokens = 100_000, Replicas = 2 };

    private static EngineReport Report(double running, double waiting, double? kv = null) =>
        new(At, running, waiting, kv, null, null, null);

    [Fact]
    public void What_the_engine_counts_beyond_all_that_can_be_ours_is_others()
    {
        ReportedLoad load = ReportedLoad.Of(Report(30, 10), 20, 0, 0, 0, Known, Interval);

        Assert.Equal((20, 5), (load.Others, load.OthersWaiting));
        Assert.Equal(0, ReportedLoad.Of(Report(15, 5), 20, 0, 0, 0, Known, Interval).Others);
        Assert.Equal((0, 0), (ReportedLoad.None.Others, ReportedLoad.None.WeightAt(At)));
    }

    [Fact]
    public void Memory_is_what_is_used_and_what_waits_for_it_by_the_engines_own_size_where_it_says_one()
    {
        ReportedLoad load = ReportedLoad.Of(Report(10, 4, kv: 0.5), 14, held: 90_000, 900, 200, Known, Interval);
        Assert.Equal((100_000, 100_000 + 4_000 - 90_000), (load.KvTokens, load.KvOffsetTokens));

        EngineReport said = Report(0, 0, kv: 0.25) with { KvCapacityTokens = 400_000 };
        load = ReportedLoad.Of(said, 0, 0, 900, 200, Known, Interval);
        Assert.Equal((200_000, 100_000), (load.KvTokens, load.KvOffsetTokens));

        Assert.Equal(0, ReportedLoad.Of(Report(1, 0), 0, 0, 0, 0, Known, Interval).KvTokens);
        Assert.Equal(0, ReportedLoad.Of(Report(1, 0, kv: 1), 0, 0, 0, 0, SpeedPrior.Unknown, Interval).KvTokens);
    }

    /// <summary>Ten answers of 200 tokens wait at 500 tokens a second: four seconds, never beyond the report's own time.
    /// </summary>
    [Theory]
    [InlineData(500.0, 4.0)]
    [InlineData(1.0, 15.0)]
    [InlineData(0.0, 0.0)]
    [InlineData(null, 0.0)]
    public void Others_that_wait_take_as_long_as_the_engine_takes_to_finish_as_many(double? rate, double seconds)
    {
        EngineReport report = Report(10, 10) with { GenerationTokensPerSecond = rate };

        double ns = ReportedLoad.Of(report, 0, 0, 900, 200, Known, Interval).OthersWaitNs;

        Assert.Equal(seconds, ns / Instant.NsPerSecond, 6);
    }

    [Fact]
    public void A_report_counts_in_full_until_the_next_is_due_and_for_nothing_after_three_intervals()
    {
        ReportedLoad load = ReportedLoad.Of(Report(1, 0), 0, 0, 0, 0, Known, Interval);

        Assert.Equal([1, 1, 0.5, 0, 0], ((double[])[0, 1, 2, 3, 30]).Select(n => load.WeightAt(At + (long)(n * Interval))));
    }

    /// <summary>Whatever an engine claims and whatever is sent, comes and goes: what the router reads are numbers, others
    /// are never negative, more of others' never makes a deployment look faster, and a report that has aged leaves what
    /// would be there without one.</summary>
    [Fact]
    public void Reports_never_make_a_deployment_look_better_and_leave_no_trace()
    {
        Prop.ForAll<int>(seed =>
        {
            var random = new Random(seed);
            var fleet = new RouterFleet(RouterFleet.Engine("told"), RouterFleet.Engine("untold"));
            (RouteLoad told, RouteLoad untold) = (fleet.LoadOf("told"), fleet.LoadOf("untold"));
            for (int i = 0; i < 50; i++)
            {
                long prompt = random.Next(1, 50_000);
                long uncached = random.NextInt64(1, prompt + 1);
                told.Sent(prompt, uncached, stream: true, At);
                untold.Sent(prompt, uncached, stream: true, At);
                double huge = random.Next(5) == 0 ? 1e18 : random.Next(500);
                EngineReport report = Report(huge, random.Next(500), random.NextDouble()) with
                {
                    GenerationTokensPerSecond = random.Next(3) == 0 ? random.Next(0, 1000) : null,
                    KvCapacityTokens = random.Next(3) == 0 ? random.Next(0, 1_000_000) : null,
                };
                told.Reported(report, told.BeginReport(), Interval);
                RouteCell with = fleet.State.Routing.Cells[told.Number];
                RouteCell without = fleet.State.Routing.Cells[untold.Number];
                float asked = random.Next(1, 100_000);
                Assert.True(told.OthersRunning >= 0);
                Assert.True(float.IsFinite(with.PredictFirstTokenNs(asked, asked, At)));
                Assert.True(with.PredictFirstTokenNs(asked, asked, At) >= without.PredictFirstTokenNs(asked, asked, At));
                Assert.True(with.PredictOutputTokenNs >= without.PredictOutputTokenNs);
                Assert.True(with.PredictMemoryWaitNs(asked) <= with.PredictMemoryWaitNs(asked * 2));
            }

            told.Relax(At + 3 * Interval);
            untold.Relax(At + 3 * Interval);
            RouteCell aged = fleet.State.Routing.Cells[told.Number];
            RouteCell never = fleet.State.Routing.Cells[untold.Number];
            Assert.Equal(never.PredictFirstTokenNs(9000, 9000, At), aged.PredictFirstTokenNs(9000, 9000, At));
            Assert.Equal(never.PredictOutputTokenNs, aged.PredictOutputTokenNs);
            Assert.Equal(never.QueuedTokens, aged.QueuedTokens);
        }).QuickCheckThrowOnFailure();
    }

    /// <summary>Requests of ours that come and go while the engine is asked are never taken for others'.</summary>
    [Fact]
    public void Ours_are_never_others_however_they_race_with_the_question()
    {
        Prop.ForAll<int>(seed =>
        {
            var random = new Random(seed);
            var state = new DeploymentState("d");
            var load = new RouteLoad(new RoutingMemory(), 0, SpeedPrior.Unknown, state);
            int there = 0;
            void Change()
            {
                if (random.Next(2) == 0)
                {
                    Assert.True(state.TryEnter(1000));
                    there++;
                }
                else if (there > 0)
                {
                    state.Leave();
                    there--;
                }
            }

            for (int i = 0; i < 20; i++)
            {
                Change();
            }

            ReportStart start = load.BeginReport();
            int before = random.Next(20);
            for (int i = 0; i < before; i++)
            {
                Change();
            }

            // The engine counts now, some of ours as waiting; its answer arrives later.
            int waiting = random.Next(there + 1);
            EngineReport report = Report(there - waiting, waiting);
            for (int i = random.Next(20); i > 0; i--)
            {
                Change();
            }

            load.Reported(report, start, Interval);
            Assert.Equal(0, load.OthersRunning);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Traffic_moves_from_an_engine_that_works_for_others_and_returns_once_the_report_is_old()
    {
        var fleet = new RouterFleet(RouterFleet.Engine("shared"), RouterFleet.Engine("own"));
        RouteLoad shared = fleet.LoadOf("shared");
        shared.Reported(Report(100, 40), shared.BeginReport(), Interval);

        Assert.All(Places(fleet), id => Assert.Equal("own", id));

        // Half of the backlog counts still; then nothing does.
        shared.Relax(At + 2 * Interval);
        Assert.All(Places(fleet), id => Assert.Equal("own", id));
        shared.Relax(At + 3 * Interval);
        Assert.Equal(["own", "shared"], Places(fleet).Distinct().Order());
    }

    [Fact]
    public void A_prompt_that_does_not_fit_goes_where_it_does_and_a_short_one_may_stay()
    {
        var fleet = new RouterFleet(RouterFleet.Engine("full"), RouterFleet.Engine("roomy"));
        foreach ((string id, double used) in new[] { ("full", 0.99), ("roomy", 0.5) })
        {
            RouteLoad load = fleet.LoadOf(id);
            Assert.True(load.KvTokens > 100_000);
            load.Reported(Report(0, 0, used), load.BeginReport(), Interval);
        }

        Assert.All(Places(fleet, 60_000), id => Assert.Equal("roomy", id));
        Assert.Equal(["full", "roomy"], Places(fleet, 100).Distinct().Order());

        RouteLoad full = fleet.LoadOf("full");
        full.Reported(null, full.BeginReport(), Interval);
        Assert.Equal(["full", "roomy"], Places(fleet, 60_000).Distinct().Order());
    }

    [Fact]
    public void What_a_request_waited_for_memory_is_not_learned_as_slowness()
    {
        var fleet = new RouterFleet(RouterFleet.Engine("full"));
        RouteLoad load = fleet.LoadOf("full");
        double before = load.FirstToken.At(60_000, 1);
        for (int i = 0; i < 50; i++)
        {
            load.Reported(Report(0, 0, 1), load.BeginReport(), Interval);
            Assert.Equal("full", fleet.Enter(Dialect.OpenAi, (uint)i, inputTokens: 60_000));
            Assert.True(fleet.Last.EngineWaitNs > 0);
            load.FirstTokenCame(fleet.Last, 0, (long)fleet.Last.FirstTokenNs);
            fleet.End();
        }

        Assert.Equal(before, load.FirstToken.At(60_000, 1), before * 0.02);
    }

    private static List<string> Places(RouterFleet fleet, int inputTokens = 500)
    {
        var places = new List<string>();
        for (uint i = 0; i < 32; i++)
        {
            places.Add(fleet.Enter(Dialect.OpenAi, i, inputTokens: inputTokens));
            fleet.End();
        }

        return places;
    }
}
