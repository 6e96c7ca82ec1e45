using Forebay.Core.Limits;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Queue;
using Forebay.Core.Time;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Queue;

public sealed class FairQueueTests
{
    private readonly QueueFleet _fleet = new(2);
    private readonly FairQueue _queue = new();
    private readonly EligibleSet _both;
    private readonly EligibleSet _first;

    public FairQueueTests()
    {
        _both = _fleet.Set(0, 1);
        _first = _fleet.Set(0);
    }

    [Fact]
    public void The_class_comes_first_then_the_tenant_that_got_least_then_age()
    {
        QueueEntry batch = Enter("batch", PriorityClass.Batch);
        QueueEntry served = Enter("served");
        QueueEntry served2 = Enter("served");
        QueueEntry fresh = Enter("fresh");
        _queue.CounterOf("served").Charge(100, 0);
        QueueEntry urgent = Enter("urgent", PriorityClass.Interactive);

        Assert.Equal([urgent, fresh, served, served2, batch], Drain("d1"));
    }

    [Fact]
    public void A_place_looks_only_at_those_who_may_use_it()
    {
        QueueEntry elsewhere = Enter("a", set: _first);
        QueueEntry anywhere = Enter("b");

        Assert.Same(anywhere, _queue.Peek("d1"));
        _queue.Grant(anywhere, "d1");
        Assert.Null(_queue.Peek("d1"));
        Assert.Same(elsewhere, _queue.Peek("d0"));
    }

    [Fact]
    public void Who_was_away_starts_level_and_what_it_was_charged_before_is_not_given_back_after()
    {
        ServiceCounter away = _queue.CounterOf("away");
        _queue.Admit(away, PriorityClass.Standard, 100);
        int lifts = away.Lifts;
        ServiceCounter busy = _queue.CounterOf("busy");
        Enter("busy");
        busy.Charge(50_000, 0);

        Enter("away");
        Assert.Equal(busy.Units, away.Units);
        Assert.False(FairQueue.TakeBack(away, away.UnitsOf(90, 0), lifts));
        Assert.Equal(busy.Units, away.Units);
    }

    [Fact]
    public void Served_without_waiting_counts_and_the_next_to_come_starts_level_with_the_last()
    {
        ServiceCounter one = _queue.CounterOf("one");
        ServiceCounter two = _queue.CounterOf("two");
        _queue.Admit(one, PriorityClass.Standard, 1000);
        one.Charge(0, 500);
        _queue.Admit(two, PriorityClass.Standard, 10);

        Assert.Equal(one.UnitsOf(1000, 500), one.Units);
        Assert.Equal(one.Units + two.UnitsOf(10, 0), two.Units);
    }

    [Fact]
    public void One_that_comes_back_keeps_its_age()
    {
        QueueEntry first = Enter("t");
        QueueEntry second = Enter("t");
        _queue.Grant(first, "d0");
        first.Return(_both, 0);
        _queue.Enter(first, 5);

        Assert.Equal([first, second], Drain("d0"));
    }

    [Fact]
    public void A_full_room_lets_the_longest_backlog_give_way_but_never_a_class_above()
    {
        Enter("hog", PriorityClass.Interactive);
        Enter("hog", PriorityClass.Interactive);
        QueueEntry hogs = Enter("hog", PriorityClass.Interactive);
        QueueEntry idle = Enter("low", PriorityClass.Batch);

        Assert.Same(idle, _queue.Displaceable(New("new", PriorityClass.Interactive)));
        Assert.Same(idle, _queue.Displaceable(New("new", PriorityClass.Standard)));
        Assert.Null(_queue.Displaceable(New("low", PriorityClass.Batch)));
        Assert.Null(_queue.Displaceable(New("other", PriorityClass.Batch)));
        _queue.Remove(idle);
        Assert.Null(_queue.Displaceable(New("new", PriorityClass.Standard)));
        Assert.Same(hogs, _queue.Displaceable(New("new", PriorityClass.Interactive)));
        Assert.Null(_queue.Displaceable(New("hog", PriorityClass.Interactive)));
    }

    [Fact]
    public void The_wait_is_predicted_from_how_long_places_are_held_and_who_comes_before()
    {
        Assert.True(_queue.PredictWaitNs(New("a"), 0) < 0);
        // Two deployments of four places, held for two seconds: four places freed a second.
        _queue.Served("d0", 4, 2 * Instant.NsPerSecond);
        _queue.Served("d1", 4, 2 * Instant.NsPerSecond);
        Assert.Equal(0.25, Seconds(New("a")), 3);

        // A flood of one tenant stands before its own next, but only one of it before another tenant's first.
        for (int i = 0; i < 100; i++)
        {
            Enter("flood");
        }

        Assert.Equal(101 / 4.0, Seconds(New("flood")), 3);
        Assert.Equal(2 / 4.0, Seconds(New("a")), 3);
        // All of it before a batch request, though no longer than that class's share lets it wait.
        Assert.Equal(32 / 4.0, Seconds(New("b", PriorityClass.Batch)), 3);
        // Nothing of it before a class above.
        Assert.Equal(1 / 4.0, Seconds(New("c", PriorityClass.Interactive)), 3);
        // One who may use half the places waits longer; the others take half of theirs there.
        Assert.Equal((1 + 0.5) / 2.0, Seconds(New("d", set: _first)), 3);
    }

    [Fact]
    public void An_absurd_count_neither_overflows_nor_passes_for_little()
    {
        ServiceCounter counter = _queue.CounterOf("a");
        counter.Weight = 0.01;
        for (int i = 0; i < 20_000; i++)
        {
            counter.Charge(long.MaxValue, long.MaxValue);
            Assert.True(counter.Units > 0);
        }
    }

    private double Seconds(QueueEntry entry) => _queue.PredictWaitNs(entry, long.MaxValue / 4) / Instant.NsPerSecond;

    private QueueEntry New(string tenant, PriorityClass priority = PriorityClass.Standard, EligibleSet? set = null)
    {
        var entry = new QueueEntry();
        entry.Prepare(_queue.CounterOf(tenant), priority, set ?? _both, 10, long.MaxValue);
        return entry;
    }

    private QueueEntry Enter(string tenant, PriorityClass priority = PriorityClass.Standard, EligibleSet? set = null)
    {
        QueueEntry entry = New(tenant, priority, set);
        _queue.Enter(entry, 0);
        return entry;
    }

    private List<QueueEntry> Drain(string deployment)
    {
        var order = new List<QueueEntry>();
        while (_queue.Peek(deployment) is { } next)
        {
            _queue.Grant(next, deployment);
            order.Add(next);
        }

        return order;
    }
}
