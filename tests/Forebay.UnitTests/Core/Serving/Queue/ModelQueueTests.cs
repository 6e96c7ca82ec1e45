using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Queue;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Queue;

/// <summary>The queue as threads use it: nobody is lost, woken for nothing, or given a place that is not there.</summary>
public sealed class ModelQueueTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly GatewayConfig Settings = new() { MaxWaiting = 10_000, Queue = new() { ShedEarly = false } };

    private readonly QueueFleet _fleet = new(
        3,
        places: 2,
        [
            new("fast", PriorityClass.Interactive), new("acme", PriorityClass.Standard), new("globex", PriorityClass.Standard),
            new("bulk", PriorityClass.Batch),
        ]);

    private ModelQueue Queue => _fleet.State.QueueOf(_fleet.Model);

    /// <summary>No clock ticks here: a wake-up that is lost is one that never comes.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Every_request_gets_a_place_however_threads_race(int seed)
    {
        const int workers = 24;
        const int each = 400;
        string[] tenants = ["fast", "acme", "globex", "bulk"];
        EligibleSet[] sets = [_fleet.Set(0), _fleet.Set(1, 2), _fleet.Set(0, 1, 2), _fleet.Set(2)];
        int served = 0;
        int gone = 0;
        await Task.WhenAll(Enumerable.Range(0, workers).Select(w => Task.Run(async () =>
        {
            var random = new Random(seed * 1000 + w);
            Tenant tenant = _fleet.Tenant(tenants[w % tenants.Length]);
            for (int i = 0; i < each; i++)
            {
                EligibleSet set = sets[random.Next(sets.Length)];
                bool leaves = random.Next(20) == 0;
                Deployment? place = await PlaceAsync(tenant, set, leaves);
                if (place is null)
                {
                    Interlocked.Increment(ref gone);
                    continue;
                }

                Assert.True(set.Contains(place.Id));
                Assert.InRange(_fleet.State.Of(place).InFlight, 1, 2);
                for (int spin = random.Next(3); spin > 0; spin--)
                {
                    await Task.Yield();
                }

                Queue.Release(place, long.MaxValue, 0);
                Interlocked.Increment(ref served);
            }
        }))).WaitAsync(Patience, TestContext.Current.CancellationToken);

        Queue.Check();
        Assert.Equal((workers * each, 0), (served + gone, Queue.Count));
        Assert.True(served > workers * each / 2);
        Assert.All(_fleet.State.Model.Deployments, d => Assert.Equal(0, _fleet.State.Of(d).InFlight));
    }

    [Fact]
    public void A_newcomer_does_not_take_what_another_waits_for_unless_its_class_comes_first()
    {
        EligibleSet only = _fleet.Set(0);
        Fill(only);
        Racer first = Stand("acme", only);
        Racer second = Stand("globex", only);
        Racer urgent = Stand("fast", only);

        Queue.Release(only.Deployments[0], long.MaxValue, 0);
        Queue.Release(only.Deployments[0], long.MaxValue, 0);

        Assert.Equal((true, true, false), (urgent.Told.IsCompleted, first.Told.IsCompleted, second.Told.IsCompleted));
        Assert.Equal(2, _fleet.State.Of(only.Deployments[0]).InFlight);
    }

    [Fact]
    public void A_place_that_nobody_who_waits_may_use_is_taken_at_once()
    {
        Fill(_fleet.Set(0));
        Racer waits = Stand("acme", _fleet.Set(0));
        var other = new Racer(_fleet, _fleet.Set(0, 1));
        other.Prepare(Queue.CounterOf(_fleet.Tenant("bulk")), PriorityClass.Batch, other.Set, 1, long.MaxValue);

        Assert.Equal(QueueAnswer.Entered, Queue.Enter(other, Settings with { MaxWaiting = 1 }, 0));
        Assert.Equal("d1", other.Place!.Id);
        Assert.False(waits.Told.IsCompleted);
    }

    [Fact]
    public void Places_that_come_about_otherwise_are_handed_out_and_no_more_than_there_are()
    {
        EligibleSet all = _fleet.Set(0, 1, 2);
        Fill(all);
        Racer[] waiting = [.. Enumerable.Range(0, 5).Select(_ => Stand("acme", all))];
        // As when a deployment that was out is back: places are free that nobody released.
        _fleet.State.Of(all.Deployments[1]).Leave();
        _fleet.State.Of(all.Deployments[2]).Leave();

        Queue.Offer(_fleet.Model, 0);

        Assert.Equal([true, true, false, false, false], waiting.Select(w => w.Told.IsCompleted));
        Assert.Equal(3, Queue.Count);
    }

    [Fact]
    public void What_would_come_too_late_is_refused_at_once_and_told_when_to_come_back()
    {
        EligibleSet only = _fleet.Set(0);
        GatewayConfig shedding = Settings with { Queue = new() };
        Fill(only);
        // Two places held ten seconds each: one is free every five.
        Queue.Served(only.Deployments[0], 10 * Instant.NsPerSecond, 0);
        for (int i = 0; i < 4; i++)
        {
            Stand("acme", only);
        }

        Assert.Equal(QueueAnswer.TooLate, Ask("acme", 12, out Racer late));
        Assert.Equal(13, late.RetryAfterSeconds);
        Assert.Equal(QueueAnswer.Waits, Ask("acme", 26, out _));
        Assert.Equal(QueueAnswer.Waits, Ask("fast", 6, out _));
        Assert.Equal(1, Queue.TallyOf(PriorityClass.Standard).Shed);

        QueueAnswer Ask(string tenant, int seconds, out Racer racer)
        {
            racer = new Racer(_fleet, only);
            Tenant who = _fleet.Tenant(tenant);
            racer.Prepare(Queue.CounterOf(who), who.Tier.Priority, only, 1, seconds * Instant.NsPerSecond);
            return Queue.Enter(racer, shedding, 0);
        }
    }

    [Fact]
    public async Task In_a_full_room_the_flood_gives_way_to_a_newcomer_and_is_told()
    {
        EligibleSet only = _fleet.Set(0);
        Fill(only);
        Racer[] flood = [.. Enumerable.Range(0, 4).Select(_ => Stand("acme", only, 4))];
        Racer newcomer = Stand("globex", only, 4);

        Assert.Equal([false, false, false, true], flood.Select(f => f.Told.IsCompleted));
        Assert.Equal(QueueNotice.Displaced, await flood[3].Told);
        Assert.Equal(QueueEntryState.Waiting, newcomer.State);
        Assert.Equal(4, Queue.Count);
        Assert.Equal(1, Queue.TallyOf(PriorityClass.Standard).Displaced);
    }

    private async Task<Deployment?> PlaceAsync(Tenant tenant, EligibleSet set, bool leaves)
    {
        ModelQueue queue = Queue;
        var racer = new Racer(_fleet, set);
        if (queue.Count == 0 && racer.Route(set, 0) is { } free)
        {
            ServiceMeter direct = queue.Admit(tenant, 10);
            direct.Settle(3, 5);
            return free;
        }

        racer.Prepare(queue.CounterOf(tenant), tenant.Tier.Priority, set, 10, long.MaxValue);
        if (queue.Enter(racer, Settings, 0) == QueueAnswer.Entered)
        {
            return racer.Place;
        }

        if (leaves && queue.Leave(racer))
        {
            return null;
        }

        await racer.Told;
        ServiceMeter meter = ServiceMeter.Open(queue, racer.Counter, 10, racer.Lifts);
        meter.Produced(4);
        meter.Settle(5, 4);
        return racer.Place;
    }

    private void Fill(EligibleSet set)
    {
        foreach (Deployment deployment in set.Deployments)
        {
            while (_fleet.State.Of(deployment).TryEnter(2))
            {
                // Until it is full.
            }
        }
    }

    private Racer Stand(string tenant, EligibleSet set, int room = 100)
    {
        var racer = new Racer(_fleet, set);
        Tenant who = _fleet.Tenant(tenant);
        racer.Prepare(Queue.CounterOf(who), who.Tier.Priority, set, 1, long.MaxValue);
        Assert.Equal(QueueAnswer.Waits, Queue.Enter(racer, Settings with { MaxWaiting = room }, 0));
        return racer;
    }

    private sealed class Racer(QueueFleet fleet, EligibleSet set) : QueueWaiter
    {
        private readonly TaskCompletionSource<QueueNotice> _told = new(TaskCreationOptions.RunContinuationsAsynchronously);

        private Route _route;

        public EligibleSet Set { get; } = set;

        public Task<QueueNotice> Told => _told.Task;

        public override Deployment? Route(EligibleSet among, long nowNs)
        {
            var query = new RouteQuery { Dialect = Dialect.OpenAi, InputTokens = 1, OutputTokens = 1 };
            if (!Router.TryEnter(
                query, fleet.State.TableOf(among), new RoutingConfig(), RouteScratch.OfThread, new Instant(nowNs, 0), out _route))
            {
                return null;
            }

            // The stream's first token comes at once, for the router.
            _route.Load.Answered(_route);
            _route.Load.Left(_route);
            return _route.Deployment;
        }

        public override void Undo() => _route.State.Leave();

        // Twice would throw: nobody is granted two places.
        public override void Notify(QueueNotice notice) => _told.SetResult(notice);
    }
}
