using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Routing;

public sealed class RouterTests
{
    private static readonly Instant Now = new(1_000_000_000_000, 1_800_000_000_000);

    [Theory]
    [InlineData(Dialect.OpenAi, "a", "b")]
    [InlineData(Dialect.Anthropic, "b", "a")]
    public void The_other_dialect_is_used_only_when_no_place_in_the_clients_is_free(
        Dialect dialect, string own, string other)
    {
        var fleet = new RouterFleet(
            RouterFleet.Engine("a") with { Dialects = [Dialect.OpenAi], MaxConcurrency = 2 },
            RouterFleet.Engine("b") with { Dialects = [Dialect.Anthropic], MaxConcurrency = 2 });

        IEnumerable<string> entered = Enumerable.Range(0, 5).Select(i => fleet.Enter(dialect, (uint)i));

        Assert.Equal([own, own, other, other, "none"], entered);
    }

    [Fact]
    public void One_that_was_tried_or_is_out_makes_way()
    {
        var fleet = new RouterFleet(
            RouterFleet.Engine("a") with { MaxConcurrency = 2 }, RouterFleet.Engine("b") with { MaxConcurrency = 1 });

        Assert.Equal("b", fleet.Enter(Dialect.OpenAi, 1, tried: fleet.IndexOf("a")));
        fleet.StateOf("a").Breaker.TakeOut(
            OutCause.Probes, Reason.UpstreamCut, Now.MonotonicNs, 0.5, new HealthRulesConfig());
        fleet.LoadOf("a").Publish();

        // It is for those whom nobody else may serve: the rest wait until the other has a place.
        Assert.Equal("none", fleet.Enter(Dialect.OpenAi, 2));
        RouteDecision why = fleet.Explain();
        Assert.Equal(
            [("a", "failing"), ("b", "full")],
            why.Candidates.OrderBy(c => c.Deployment).Select(c => (c.Deployment, c.ExcludedBy ?? "")));
        Assert.Contains("failing", why.Why, StringComparison.Ordinal);
        Assert.Equal("a", fleet.Enter(Dialect.OpenAi, 3, tried: fleet.IndexOf("b")));
        fleet.Leave("b");
        Assert.Equal("b", fleet.Enter(Dialect.OpenAi, 4));
    }

    [Fact]
    public void Work_that_waits_sends_the_next_request_elsewhere()
    {
        var fleet = new RouterFleet(RouterFleet.Engine("a"), RouterFleet.Engine("b"));
        string first = fleet.Enter(Dialect.OpenAi, 1, inputTokens: 50_000);

        // One long prompt there costs more than any of these, so they all go to the other one.
        IEnumerable<string> next =
            Enumerable.Range(2, 5).Select(i => fleet.Enter(Dialect.OpenAi, (uint)i, inputTokens: 2_000));

        Assert.All(next, id => Assert.NotEqual(first, id));
    }

    [Fact]
    public void A_conversation_returns_to_its_cache_until_that_costs_more_than_it_saves()
    {
        var fleet = new RouterFleet(RouterFleet.Engine("a"), RouterFleet.Engine("b"), RouterFleet.Engine("c"));
        ulong[] prompt = RouterFleet.Prompt(seed: 7, blocks: 500);
        string home = fleet.Enter(Dialect.OpenAi, 1, prompt: prompt);
        fleet.FirstToken();

        Assert.Equal(home, fleet.Enter(Dialect.OpenAi, 2, prompt: RouterFleet.Prompt(7, 520)));
        fleet.FirstToken();

        // The home is buried in other work: computing the prompt anew elsewhere is faster.
        fleet.LoadOf(home).Sent(400_000, 400_000, stream: true, Now.MonotonicNs);
        string moved = fleet.Enter(Dialect.OpenAi, 3, prompt: RouterFleet.Prompt(7, 540));
        Assert.NotEqual(home, moved);
        fleet.FirstToken();

        // From now on both hold it, and the one with less to do is asked.
        Assert.Equal(moved, fleet.Enter(Dialect.OpenAi, 4, prompt: RouterFleet.Prompt(7, 560)));
    }

    [Fact]
    public void A_deployment_seen_to_be_slow_is_asked_less()
    {
        var fleet = new RouterFleet(RouterFleet.Engine("a"), RouterFleet.Engine("b"));
        var random = new Random(3);
        for (int i = 0; i < 400; i++)
        {
            // Ten times as slow as its chip should be.
            string id = fleet.Enter(Dialect.OpenAi, (uint)i, inputTokens: random.Next(100, 8000));
            fleet.FirstToken(slowness: id == "a" ? 10 : 1);
            fleet.Leave(id);
        }

        IEnumerable<string> later = Enumerable.Range(0, 20).Select(i =>
        {
            string id = fleet.Enter(Dialect.OpenAi, (uint)i, inputTokens: 4000);
            fleet.FirstToken();
            fleet.Leave(id);
            return id;
        });
        Assert.All(later, id => Assert.Equal("b", id));
    }

    [Fact]
    public void Equal_ones_take_turns_and_the_cheaper_goes_first()
    {
        var fleet = new RouterFleet(
            RouterFleet.Engine("a"),
            RouterFleet.Engine("b"),
            RouterFleet.Engine("c") with { Cost = [new PriceConfig { Input = 1, Output = 2 }] });

        string[] entered = [.. Enumerable.Range(0, 64).Select(i =>
        {
            string id = fleet.Enter(Dialect.OpenAi, (uint)i, inputTokens: 100);
            fleet.FirstToken();
            fleet.Leave(id);
            return id;
        })];

        Assert.DoesNotContain("c", entered);
        Assert.InRange(entered.Count(id => id == "a"), 16, 48);
    }

    [Fact]
    public void A_site_that_is_cut_off_or_will_be_before_the_answer_is_done_is_left_out()
    {
        var fleet = new RouterFleet(
            RouterFleet.Engine("near"), RouterFleet.Engine("sky") with { Pool = RouterFleet.SkyPool });

        // 60 s of contact, then 30 s without, again and again; nothing else to choose makes it the last resort.
        var contact = new Instant(0, RouterFleet.SkyStartsUnixMs + 10_000);
        var late = new Instant(0, RouterFleet.SkyStartsUnixMs + 59_900);
        var cut = new Instant(0, RouterFleet.SkyStartsUnixMs + 70_000);
        fleet.LoadOf("near").Sent(3_000_000, 3_000_000, stream: true, 0);

        Assert.Equal("sky", fleet.Enter(Dialect.OpenAi, 1, at: contact));
        Assert.Equal("near", fleet.Enter(Dialect.OpenAi, 2, at: late));
        Assert.Equal("near", fleet.Enter(Dialect.OpenAi, 3, at: cut));
        Assert.Equal("none", fleet.Enter(Dialect.OpenAi, 4, at: cut, tried: fleet.IndexOf("near")));
        Assert.Equal("sky", fleet.Enter(Dialect.OpenAi, 5, at: late, tried: fleet.IndexOf("near")));
    }

    [Fact]
    public void The_nearer_site_wins_until_it_has_more_to_do_than_the_way_is_long()
    {
        var fleet = new RouterFleet(
            RouterFleet.Engine("near"), RouterFleet.Engine("far") with { Pool = RouterFleet.FarPool });

        Assert.Equal("near", fleet.Enter(Dialect.OpenAi, 1, inputTokens: 1000, region: 0));
        Assert.Equal("far", fleet.Enter(Dialect.OpenAi, 1, inputTokens: 1000, region: 1));
        fleet.LoadOf("near").Sent(100_000, 100_000, stream: true, Now.MonotonicNs);
        Assert.Equal("far", fleet.Enter(Dialect.OpenAi, 1, inputTokens: 1000, region: 0));
    }

    /// <summary>Twenty short prompts wait at the one, a long one at the other: a long prompt would delay twenty there and
    /// goes to the other though it waits longer itself; a short one goes where it is served sooner.</summary>
    [Fact]
    public void A_prompt_pays_for_those_that_it_delays()
    {
        var fleet = new RouterFleet(RouterFleet.Engine("crowded"), RouterFleet.Engine("busy"));
        for (int i = 0; i < 20; i++)
        {
            fleet.LoadOf("crowded").Sent(100, 100, stream: true, Now.MonotonicNs);
        }

        fleet.LoadOf("busy").Sent(4000, 4000, stream: true, Now.MonotonicNs);
        Assert.Equal((20, 1), (fleet.LoadOf("crowded").Waiting, fleet.LoadOf("busy").Waiting));
        Assert.Equal("busy", fleet.Enter(Dialect.OpenAi, 1, inputTokens: 8000));
        fleet.FirstToken();
        fleet.Leave("busy");
        Assert.Equal("crowded", fleet.Enter(Dialect.OpenAi, 2, inputTokens: 50));
    }

    [Theory]
    [InlineData(RoutingPolicy.Predictive)]
    [InlineData(RoutingPolicy.RoundRobin)]
    [InlineData(RoutingPolicy.LeastLoaded)]
    [InlineData(RoutingPolicy.PowerOfTwo)]
    [InlineData(RoutingPolicy.CacheAware)]
    public void No_policy_passes_a_bound_or_leaves_a_place_unused(RoutingPolicy policy)
    {
        var fleet = new RouterFleet(
            [.. Enumerable.Range(0, 9).Select(i => RouterFleet.Engine($"d{i}") with { MaxConcurrency = 3 })])
        {
            Config = new RoutingConfig { Policy = policy },
        };
        var random = new Random(11);
        var held = new List<string>();
        for (uint number = 0; number < 3000; number++)
        {
            if (random.Next(5) < 2 && held.Count > 0)
            {
                int at = random.Next(held.Count);
                fleet.Leave(held[at]);
                held.RemoveAt(at);
                continue;
            }

            string id = fleet.Enter(Dialect.OpenAi, number, prompt: RouterFleet.Prompt((ulong)random.Next(4), 40));
            Assert.Equal(held.Count < 27, id != "none");
            if (id != "none")
            {
                fleet.FirstToken();
                held.Add(id);
                Assert.InRange(fleet.StateOf(id).InFlight, 1, 3);
            }
        }
    }

    [Fact]
    public void Racing_requests_never_pass_a_bound()
    {
        var fleet = new RouterFleet(
            [.. Enumerable.Range(0, 4).Select(i => RouterFleet.Engine($"d{i}") with { MaxConcurrency = 5 })]);
        int entered = 0;
        Parallel.For(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            if (fleet.TryEnter(new RouteScratch(), (uint)i))
            {
                Interlocked.Increment(ref entered);
            }
        });

        Assert.Equal(20, entered);
        Assert.All(fleet.Model.Deployments, d => Assert.Equal(5, fleet.State.Of(d).InFlight));
    }
}
