using Forebay.Core.Batches;
using Forebay.Core.Errors;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Batches;

public sealed class BatchLifecycleTests
{
    private static readonly Batch Fresh = new()
    {
        Id = "batch_1", Tenant = "t", Key = "k", Surface = BatchSurface.OpenAi, Endpoint = "/v1/chat/completions",
        CreatedUnixMs = 0, ExpiresUnixMs = 1000,
    };

    [Fact]
    public void No_order_of_events_leads_back_from_an_end_or_past_it() => Prop.ForAll<int[]>(events =>
    {
        Batch batch = Fresh;
        int now = 0;
        bool wasOver = false;
        foreach (int one in events)
        {
            Batch before = batch;
            int kind = (one & int.MaxValue) % 7;
            batch = kind switch
            {
                0 => BatchLifecycle.Validated(batch, 3, 10, "m", now),
                1 => BatchLifecycle.Refused(batch, [new BatchProblem("c", "m", null, 1)], now),
                2 => BatchLifecycle.Cancel(batch, now),
                3 => BatchLifecycle.Tick(batch, now += 300),
                4 => BatchLifecycle.Settled(batch, new BatchCounts(batch.Total, 0, 0, 0), default, now),
                5 => BatchLifecycle.Finalized(batch, "o", null, 1, null, now),
                _ => BatchLifecycle.Lost(batch, new BatchProblem("l", "m", null, null), now),
            };
            Assert.True(!wasOver || ReferenceEquals(before, batch), $"{before.Phase} became {batch.Phase}");
            Assert.True(batch.Phase >= before.Phase || batch.Phase == BatchPhase.Failed, $"{before.Phase} became {batch.Phase}");
            Assert.Equal(batch.IsOver, batch.EndedUnixMs is not null);
            Assert.True(batch.Phase != BatchPhase.Ended || batch.End != BatchEnd.None);
            wasOver = batch.IsOver;
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_batch_does_not_end_while_its_items_do_not_add_up()
    {
        Batch running = BatchLifecycle.Validated(Fresh, 3, 10, "m", 1);
        Assert.Throws<InvalidOperationException>(
            () => BatchLifecycle.Settled(running, new BatchCounts(1, 1, 0, 0), default, 2));
        Batch ended = BatchLifecycle.Settled(running, new BatchCounts(1, 1, 0, 1), default, 2);
        Assert.Equal((BatchPhase.Finalizing, BatchEnd.Completed), (ended.Phase, ended.End));
    }

    [Fact]
    public void What_was_not_run_has_the_outcome_of_the_cause()
    {
        Batch running = BatchLifecycle.Validated(Fresh, 3, 10, "m", 1);
        Assert.Null(BatchLifecycle.Leftover(running));
        Assert.Equal(ItemOutcome.Cancelled, BatchLifecycle.Leftover(BatchLifecycle.Cancel(running, 2)));
        Assert.Equal(ItemOutcome.Expired, BatchLifecycle.Leftover(BatchLifecycle.Tick(running, 1000)));
        Assert.Same(running, BatchLifecycle.Tick(running, 999));
        // Who cancelled before the time was over has cancelled.
        Batch cancelling = BatchLifecycle.Cancel(running, 2);
        Assert.Same(cancelling, BatchLifecycle.Tick(cancelling, 5000));
    }

    [Theory]
    [InlineData(10, 0, 0, 0, 9)]
    [InlineData(10, 9, 0, 9, 0)]
    [InlineData(10, 4, 1, 4, 0)]
    [InlineData(10, 4, 1, 0, 1)]
    [InlineData(10, 10, 0, 0, 1)]
    [InlineData(1, 0, 0, 0, 1)]
    [InlineData(0, 0, 0, 0, 1)]
    [InlineData(0, 0, 0, 1, 1)]
    public void Items_run_in_what_is_left(int places, int taken, int waitingAbove, int items, int room) =>
        Assert.Equal(room, BatchHeadroom.Of(places, taken, waitingAbove, items, 0.1));

    [Fact]
    public void Every_reason_of_failure_has_a_verdict_and_pauses_are_bounded()
    {
        Assert.Equal(ItemVerdict.Final, ItemRetry.Of(Reason.BadRequest));
        Assert.Equal(ItemVerdict.Final, ItemRetry.Of(Reason.Unauthenticated));
        Assert.Equal(ItemVerdict.Final, ItemRetry.Of(Reason.LimitSpend));
        Assert.Equal(ItemVerdict.NoRoom, ItemRetry.Of(Reason.Draining));
        Assert.Equal(ItemVerdict.Again, ItemRetry.Of(Reason.UpstreamCut));
        // What is told to try again is tried again.
        Assert.All(
            ReasonTable.Rows.Where(r => r.Retry == RetryAdvice.Retry && !r.Label.StartsWith("limit_", StringComparison.Ordinal)
                && r.Reason is not (Reason.RequestTimeout or Reason.StorageUnavailable)),
            r => Assert.NotEqual(ItemVerdict.Final, ItemRetry.Of(r.Reason)));
        Assert.Equal([1000L, 2000L, 4000L], Enumerable.Range(1, 3).Select(ItemRetry.PauseMs));
        Assert.Equal(60_000, ItemRetry.PauseMs(int.MaxValue));
    }

    [Fact]
    public void The_tenant_with_the_least_running_per_weight_is_next()
    {
        BatchContender[] order =
        [
            new("d", 4, 1, 0), new("a", 2, 4, 9), new("c", 1, 1, 3), new("b", 1, 1, 2),
        ];
        Array.Sort(order, static (a, b) => BatchTurn.Compare(a, b));
        Assert.Equal(["a", "b", "c", "d"], order.Select(o => o.Tenant));
    }
}
