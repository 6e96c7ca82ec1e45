using Forebay.Core.Batches;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Batches;

public sealed class ItemTableTests
{
    [Fact]
    public void Whatever_happens_in_whatever_order_each_item_ends_exactly_once_and_counts_add_up() =>
        Prop.ForAll<int, ushort>((seed, size) =>
        {
            int count = 1 + size % 40;
            var random = new Random(seed);
            var run = new Interleaving(count, random);
            for (int step = 0; step < 400 && !run.Table.IsSettled; step++)
            {
                run.Step(random);
                run.Table.Check();
                Assert.Equal(run.Ended.Count, run.Table.Counts.Settled);
            }

            run.Finish();
            Assert.True(run.Table.IsSettled);
            Assert.Equal(count, run.Ended.Count);
            Assert.All(run.Ended, e => Assert.Equal(e.Value, run.Table.OutcomeOf(e.Key)));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void What_cannot_be_is_refused()
    {
        var table = new ItemTable([0, 0], ["m"]);
        table.Start(0, 1);

        Assert.Throws<InvalidOperationException>(() => table.Start(0, 2));
        Assert.Throws<InvalidOperationException>(() => table.Drop(0, ItemOutcome.Cancelled));
        table.Settle(0, ItemOutcome.Succeeded);
        Assert.Throws<InvalidOperationException>(() => table.Settle(0, ItemOutcome.Errored));
        Assert.Throws<InvalidOperationException>(() => table.Start(0, 3));
        Assert.Throws<InvalidOperationException>(() => table.Return(0, 0));
        Assert.Throws<InvalidOperationException>(() => table.OutcomeOf(1));
    }

    [Fact]
    public void An_attempt_is_recorded_once()
    {
        var table = new ItemTable([0], ["m"]);
        table.Restore(0, 1, 1);
        Assert.Throws<InvalidOperationException>(() => table.Restore(0, 1, 2));
        table = new ItemTable([0], ["m"]);
        table.Restore(0, 1, 1);
        table.Restore(0, 3, 2);
        Assert.Equal(3, table.AttemptsOf(0));
        Assert.Equal((UInt128)2, table.RunOf(0));
    }

    [Fact]
    public void Items_come_in_order_by_model_and_those_that_pause_come_when_they_may()
    {
        var table = new ItemTable([0, 1, 0], ["a", "b"]);
        Assert.Equal((0, 1), (table.Next(0, 0), table.Next(1, 0)));
        table.Start(0, 1);
        Assert.Equal(2, table.Next(0, 0));
        table.Return(0, 100);
        Assert.Equal(2, table.Next(0, 99));
        table.Start(2, 2);
        Assert.Null(table.Next(0, 99));
        Assert.Equal(0, table.Next(0, 100));
        Assert.Equal(2, table.Start(0, 3));
    }

    /// <summary>Runs, ends, failures, crashes and cancellation of one batch, beside a plain account of them. A crash
    /// forgets the table and builds it from the log, as a start of the server does.</summary>
    private sealed class Interleaving
    {
        private readonly List<FrameHead> _log = [];
        private readonly int[] _models;
        private long _nowMs;
        private UInt128 _request;

        public Interleaving(int count, Random random)
        {
            _models = [.. Enumerable.Range(0, count).Select(_ => random.Next(2))];
            Table = Fresh();
        }

        public ItemTable Table { get; private set; }

        public Dictionary<int, ItemOutcome> Ended { get; } = [];

        public void Step(Random random)
        {
            _nowMs += random.Next(3);
            int[] running = [.. Table.Runs];
            switch (random.Next(8))
            {
                case 0 or 1 or 2:
                    if (Table.Next(random.Next(2), _nowMs) is { } item)
                    {
                        int attempt = Table.Start(item, ++_request);
                        _log.Add(new FrameHead(FrameKind.Started, item, attempt, default, _request, default));
                    }

                    break;
                case 3 or 4 when running.Length > 0:
                    Settle(
                        running[random.Next(running.Length)],
                        random.Next(3) == 0 ? ItemOutcome.Errored : ItemOutcome.Succeeded);
                    break;
                case 5 when running.Length > 0:
                    Table.Return(running[random.Next(running.Length)], _nowMs + random.Next(5));
                    break;
                case 6 when random.Next(4) == 0:
                    Crash();
                    break;
                case 7 when random.Next(20) == 0:
                    DropAll(random.Next(2) == 0 ? ItemOutcome.Cancelled : ItemOutcome.Expired);
                    break;
            }
        }

        public void Finish()
        {
            foreach (int item in Table.Runs.ToArray())
            {
                Settle(item, ItemOutcome.Succeeded);
            }

            DropAll(ItemOutcome.Expired);
        }

        private ItemTable Fresh() => new(_models, ["a", "b"]);

        private void Settle(int item, ItemOutcome outcome)
        {
            Table.Settle(item, outcome);
            _log.Add(new FrameHead(FrameKind.Settled, item, Table.AttemptsOf(item), outcome, default, default));
            Ended.Add(item, outcome);
        }

        private void DropAll(ItemOutcome outcome)
        {
            foreach (int item in Table.Waiting().ToArray())
            {
                Table.Drop(item, outcome);
                _log.Add(new FrameHead(FrameKind.Settled, item, 0, outcome, default, default));
                Ended.Add(item, outcome);
            }
        }

        private void Crash()
        {
            ItemTable again = Fresh();
            foreach (FrameHead head in _log)
            {
                if (head.Kind == FrameKind.Started)
                {
                    again.Restore(head.Item, head.Attempt, head.Request);
                }
                else if (again.PhaseOf(head.Item) == ItemPhase.Running)
                {
                    again.Settle(head.Item, head.Outcome);
                }
                else
                {
                    again.Drop(head.Item, head.Outcome);
                }
            }

            foreach (int item in again.Runs.ToArray())
            {
                again.Return(item, 0);
            }

            Table = again;
        }
    }
}
