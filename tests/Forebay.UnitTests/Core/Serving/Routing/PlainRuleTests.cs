using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Routing;

/// <summary>The router decides as the plain statement of its rule does.</summary>
public sealed class PlainRuleTests
{
    private const long NowNs = 1_000_000_000_000;
    private static readonly string[] Pools = [RouterFleet.NearPool, RouterFleet.FarPool, RouterFleet.SkyPool];

    /// <summary>Fleets over three sites with a link that comes and goes, alike and unlike, idle and full, sent to, reported,
    /// taken out, limited, with caches that hold some of the prompt: whatever comes, the same one is chosen.</summary>
    [Fact]
    public void Whatever_the_state_the_router_chooses_as_the_plain_rule_does()
    {
        int chosen = 0;
        Prop.ForAll<int>(seed =>
        {
            var random = new Random(seed);
            string[] ids = [.. Enumerable.Range(0, random.Next(1, 40)).Select(i => $"d{i}")];
            RouterFleet fleet = Fleet(random, ids);
            for (int round = 0; round < 12; round++)
            {
                for (int i = random.Next(2 * ids.Length); i > 0; i--)
                {
                    Change(random, fleet, ids[random.Next(ids.Length)]);
                }

                chosen += Compare(random, fleet, ids) ? 1 : 0;
            }
        }).QuickCheckThrowOnFailure();
        Assert.InRange(chosen, 600, int.MaxValue);
    }

    /// <summary>What is folded when a cell is written is the sum of what it is made of, but for the rounding of floats.
    /// </summary>
    [Fact]
    public void The_folded_cost_is_the_sum_of_its_terms()
    {
        Prop.ForAll<int>(seed =>
        {
            var random = new Random(seed);
            float Up(double most) => (float)(random.NextDouble() * most);
            var cell = new RouteCell
            {
                BusyUntilNs = NowNs + random.NextInt64(-1_000_000_000, 1_000_000_000),
                QueuedTokens = Up(1e6),
                Running = Up(300),
                KvFreeTokens = random.Next(3) == 0 ? float.PositiveInfinity : Up(1e5) - 5e4f,
                KvTokenNs = Up(1e5),
                Waiting = Up(50),
                FirstTokenNs = Up(1e8),
                QueuedTokenNs = Up(1e5),
                InFlightNs = Up(1e7),
            };
            cell.Fold();
            float prompt = Up(1e5);
            float uncached = Up(prompt);
            double sum = (double)cell.PredictFirstTokenNs(prompt, uncached, NowNs)
                + cell.PredictDelayOfOthersNs(uncached);
            Assert.InRange(cell.PredictCostNs(prompt, uncached, NowNs), sum * (1 - 1e-6), sum * (1 + 1e-6));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_decision_takes_no_memory()
    {
        var fleet = new RouterFleet([.. Enumerable.Range(0, 40).Select(i => RouterFleet.Engine($"d{i}"))]);
        ulong[] prompt = RouterFleet.Prompt(1, 100);
        int number = fleet.LoadOf("d3").Number;
        fleet.State.Routing.Index(4096).Insert(prompt, number, ref fleet.State.Routing.Clocks[number]);
        var scratch = new RouteScratch();
        var now = new Instant(NowNs, RouterFleet.SkyStartsUnixMs);
        RouteTable table = fleet.Table;
        long taken = 0;
        for (int i = 0; i < 3; i++)
        {
            // The first time what is kept for later is made.
            long before = GC.GetAllocatedBytesForCurrentThread();
            Router.LookUp(fleet.State.Routing, fleet.Config, prompt, scratch.Overlaps);
            _ = Router.Choose(
                new RouteQuery { Dialect = Dialect.OpenAi, InputTokens = 1608, OutputTokens = 100, Region = -1 },
                table,
                fleet.Config,
                scratch,
                now);
            taken = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal((96, 0), (scratch.Overlaps[number], taken));
    }

    private static RouterFleet Fleet(Random random, string[] ids)
    {
        bool alike = random.Next(3) == 0;
        return new RouterFleet([.. ids.Select(id => alike
            ? RouterFleet.Engine(id)
            : RouterFleet.Engine(id) with
            {
                Pool = Pools[random.Next(Pools.Length)],
                AcceleratorsPerReplica = random.Next(4) == 0 ? 8 : 4,
                MaxConcurrency = random.Next(1, 6),
                Dialects = random.Next(3) == 0 ? [Dialect.Anthropic] : [Dialect.OpenAi],
                Cost = random.Next(4) == 0 ? [new PriceConfig { Input = 1 + random.Next(2), Output = 2 }] : [],
            })])
        {
            Config = new RoutingConfig
            {
                ToleranceMs = random.Next(3) * 10, ToleranceShare = random.Next(4) * 0.1,
            },
        };
    }

    private static void Change(Random random, RouterFleet fleet, string id)
    {
        (DeploymentState state, RouteLoad load) = (fleet.StateOf(id), fleet.LoadOf(id));
        var rules = new HealthRulesConfig();
        switch (random.Next(7))
        {
            case 0:
                load.Sent(random.Next(1, 30_000), random.Next(1, 30_000), random.Next(2) == 0, NowNs);
                break;
            case 1:
                var report = new EngineReport(NowNs, random.Next(40), random.Next(10), random.NextDouble(), null, null, null)
                {
                    KvCapacityTokens = random.Next(2) == 0 ? random.Next(1000, 100_000) : null,
                };
                load.Reported(random.Next(4) == 0 ? null : report, load.BeginReport(), Instant.NsPerSecond);
                break;
            case 2 when random.Next(4) == 0:
                state.Breaker.TakeOut(
                    OutCause.Probes, Reason.UpstreamCut, NowNs - random.NextInt64(0, 60_000_000_000), 0.5, rules);
                break;
            case 3:
                state.Limit.Refused(random.Next(1, 5), NowNs - 1, NowNs, 6, rules);
                break;
            case 4 when state.InFlight > 0:
                state.Leave(NowNs - 1);
                break;
            case 5:
                load.FirstToken.Observe(random.Next(5000), random.Next(5), random.Next(1, 1_000_000_000));
                break;
            default:
                _ = state.TryEnter(state.Places(6, NowNs));
                break;
        }

        load.Publish();
    }

    /// <summary>Asks both the same, and says whether somebody was chosen.</summary>
    private static bool Compare(Random random, RouterFleet fleet, string[] ids)
    {
        ulong[] prompt = RouterFleet.Prompt((ulong)random.Next(3), random.Next(0, 60));
        for (int i = random.Next(4); i > 0; i--)
        {
            int number = fleet.LoadOf(ids[random.Next(ids.Length)]).Number;
            int sent = random.Next(prompt.Length + 1);
            fleet.State.Routing.Index(4096).Insert(
                prompt.AsSpan(0, sent), number, ref fleet.State.Routing.Clocks[number]);
        }

        int[] tried = [.. ids.Where(_ => random.Next(6) == 0).Select(fleet.IndexOf)];
        var query = new RouteQuery
        {
            Dialect = random.Next(3) == 0 ? Dialect.Anthropic : Dialect.OpenAi,
            InputTokens = prompt.Length * 16 + random.Next(1, 16),
            OutputTokens = random.Next(1, 2000),
            BodyBytes = random.Next(1_000_000),
            Region = random.Next(-1, 2),
            Tried = tried.AsSpan(0, random.Next(2) * tried.Length),
            Number = (uint)random.Next(),
            Stream = true,
        };
        var now = new Instant(NowNs, RouterFleet.SkyStartsUnixMs + random.Next(90_000));
        var scratch = new RouteScratch();
        Router.LookUp(fleet.State.Routing, fleet.Config, prompt, scratch.Overlaps);

        int plain = PlainRule.Choose(query, fleet.Table, fleet.Config, scratch.Overlaps, now);

        Assert.Equal(plain, Router.Choose(query, fleet.Table, fleet.Config, scratch, now));
        return plain >= 0;
    }
}
