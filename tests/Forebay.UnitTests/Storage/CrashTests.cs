using Forebay.Core.Usage;
using Forebay.Storage;
using Forebay.Storage.Journal;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Storage;

/// <summary>
/// Random interleavings of everything the store does, with crashes that keep what was synced and any part of what was
/// not. After each, every accepted request is settled exactly once and the sums are exact.
/// </summary>
public sealed class CrashTests
{
    [Fact]
    public void Over_any_interleaving_each_accepted_request_counts_exactly_once()
    {
        Prop.ForAll<(byte Operation, ushort Choice)[]>(steps =>
        {
            RunAsync(steps).GetAwaiter().GetResult();
            return true;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(80));
    }

    private static async Task RunAsync((byte Operation, ushort Choice)[] steps)
    {
        using var folder = new TempFolder();
        var run = new CrashRun(folder);
        await run.StartAsync();
        try
        {
            foreach ((byte operation, ushort choice) in steps)
            {
                await run.StepAsync(operation, choice);
            }

            await run.CrashAsync(ushort.MaxValue);
        }
        finally
        {
            await run.StopAsync();
        }
    }

    /// <summary>The store beside a model of what it must hold.</summary>
    private sealed class CrashRun(TempFolder folder)
    {
        private readonly Dictionary<ulong, UsageOutcome> _settled = [];
        private readonly List<ulong> _open = [];
        private readonly List<Pending> _pending = [];
        private readonly FaultyDisk _disk = new();
        private OpenStore _store = null!;
        private int _life;
        private ulong _next;

        public async Task StartAsync() => _store = await OpenAsync();

        public async Task StepAsync(byte operation, ushort choice)
        {
            switch (operation % 16)
            {
                case < 5:
                    Accept();
                    break;
                case < 10:
                    Settle(choice);
                    break;
                case < 12:
                    Sync();
                    break;
                case 12:
                    await FoldAsync();
                    break;
                case 13:
                    _disk.Full = !_disk.Full;
                    break;
                case 14:
                    _disk.FailsSync = !_disk.FailsSync;
                    break;
                default:
                    await CrashAsync(choice);
                    break;
            }
        }

        public async Task CrashAsync(ushort choice)
        {
            JournalPosition end = CopyTo(folder.Of($"life-{_life + 1}"), choice);
            await _store.DisposeAsync();
            _life++;
            _disk.Full = false;
            _disk.FailsSync = false;
            foreach (Pending lost in _pending.Where(p => p.End is null || p.End > end).Reverse())
            {
                Undo(lost);
            }

            _pending.Clear();
            _store = await OpenAsync();
            Assert.Equal(_open.Count, _store.Store.Recovery.Interrupted);
            Assert.Empty(_store.Store.Recovery.Damage);
            foreach (ulong id in _open)
            {
                _settled.Add(id, UsageOutcome.Interrupted);
            }

            _open.Clear();
            await CheckAsync();
        }

        public ValueTask StopAsync() => _store.DisposeAsync();

        private Task<OpenStore> OpenAsync() => OpenStore.OpenAsync(
            folder.Of($"life-{_life}"), options: new LocalStoreOptions { SegmentBytes = 700 }, disk: _disk);

        private void Accept()
        {
            ulong id = ++_next;
            try
            {
                _store.Store.Journal.Accept(Records.Accept(id));
            }
            catch (JournalUnavailableException)
            {
                Assert.False(_store.Store.Journal.Writable);
                return;
            }

            _open.Add(id);
            _pending.Add(new Pending(id, IsAccept: true, EndOfFile()));
        }

        private void Settle(ushort choice)
        {
            if (_open.Count == 0)
            {
                return;
            }

            ulong id = _open[choice % _open.Count];
            _open.Remove(id);
            _store.Store.Journal.Settle(Records.Settle(id));
            _settled.Add(id, UsageOutcome.Completed);
            _pending.Add(new Pending(id, IsAccept: false, _store.Store.Journal.Writable ? EndOfFile() : null));
        }

        private void Sync()
        {
            JournalPosition synced = _store.Store.UsageJournal.Sync();
            if (_store.Store.Journal.Writable)
            {
                Assert.Equal(EndOfFile(), synced);
                _pending.Clear();
            }
        }

        private async Task FoldAsync()
        {
            await _store.Store.Ledger.QueryAsync(Records.Everything(), default);
            if (_store.Store.Journal.Writable)
            {
                _pending.Clear();
                await CheckAsync();
            }
        }

        private async Task CheckAsync()
        {
            var seen = new Dictionary<ulong, UsageOutcome>();
            await foreach (UsageRecord r in _store.Store.ReadRequestsAsync(
                DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue))
            {
                Assert.True(seen.TryAdd((ulong)r.RequestId, r.Outcome), $"request {r.RequestId} is settled twice");
            }

            Assert.Equal(_settled.OrderBy(s => s.Key), seen.OrderBy(s => s.Key));
            IReadOnlyList<UsageRow> rows = await _store.Store.Ledger.QueryAsync(
                Records.Everything(UsageDimension.Tenant), default);
            Assert.Equal(_settled.Count, rows.Sum(r => r.Requests));
            Assert.Equal(
                _settled.Where(s => s.Value == UsageOutcome.Completed)
                    .Aggregate(default(TokenUsage), (sum, s) => sum + Records.TokensOf(s.Key)),
                rows.Aggregate(default(TokenUsage), (sum, r) => sum + r.Tokens));
        }

        private JournalPosition EndOfFile()
        {
            long last = _store.Store.Segments.Segments()[^1];
            return new JournalPosition(last, new FileInfo(_store.Store.Segments.FileOf(last)).Length);
        }

        /// <summary>Copies what the disk may hold after a power cut: everything synced, and a part of the rest that
        /// ends at any byte; behind that there is nothing, or zeros.</summary>
        private JournalPosition CopyTo(string target, ushort choice)
        {
            JournalPosition end = EndOfFile();
            long synced = _store.Store.UsageJournal.Synced.Offset;
            long cut = synced + choice % (end.Offset - synced + 1);
            foreach (string file in Directory.GetFiles(_store.Paths.Root, "*", SearchOption.AllDirectories))
            {
                string name = Path.GetRelativePath(_store.Paths.Root, file);
                if (name is not ("lock" or "forebay.db-shm"))
                {
                    string copy = Path.Combine(target, name);
                    Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
                    File.Copy(file, copy);
                }
            }

            using FileStream last = File.OpenWrite(
                Path.Combine(target, "journal", JournalFormat.FileName(end.Segment)));
            last.SetLength(cut);
            if (choice % 3 == 0)
            {
                last.SetLength(end.Offset);
            }

            return end with { Offset = cut };
        }

        private void Undo(Pending lost)
        {
            if (lost.IsAccept)
            {
                _open.Remove(lost.Id);
            }
            else
            {
                _settled.Remove(lost.Id);
                _open.Add(lost.Id);
            }
        }
    }

    /// <summary>A record that is not synced. Where it ends in the file; null when it waits in memory.</summary>
    private sealed record Pending(ulong Id, bool IsAccept, JournalPosition? End);
}
