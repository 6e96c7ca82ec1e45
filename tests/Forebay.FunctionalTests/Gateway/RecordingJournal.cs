using System.Collections.Concurrent;
using Forebay.Core.Usage;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>A journal in memory that checks the pairing as it goes: one accept, then exactly one settle.</summary>
public sealed class RecordingJournal : IUsageJournal, IDisposable
{
    private readonly ConcurrentDictionary<UInt128, AcceptRecord> _open = new();
    private readonly ConcurrentQueue<AcceptRecord> _accepted = new();
    private readonly ConcurrentQueue<UsageRecord> _settled = new();
    private readonly SemaphoreSlim _arrived = new(0);

    public bool Writable { get; set; } = true;

    /// <summary>The next acceptance fails, though the journal says that it can be written: as when the disk fills just
    /// then.</summary>
    public bool FailsNext { get; set; }

    public IReadOnlyList<AcceptRecord> Accepted => [.. _accepted];

    public IReadOnlyList<UsageRecord> Settled => [.. _settled];

    public int Open => _open.Count;

    public void Accept(AcceptRecord record)
    {
        if (!Writable || FailsNext)
        {
            FailsNext = false;
            throw new JournalUnavailableException("The test made the journal unwritable.");
        }

        if (!_open.TryAdd(record.RequestId, record))
        {
            throw new InvalidOperationException("Accepted twice.");
        }

        _accepted.Enqueue(record);
    }

    public void Settle(UsageRecord record)
    {
        if (!_open.TryRemove(record.RequestId, out _))
        {
            throw new InvalidOperationException("Settled twice, or never accepted.");
        }

        _settled.Enqueue(record);
        _arrived.Release();
    }

    public void Dispose() => _arrived.Dispose();

    /// <summary>Waits until one more record is settled than were waited for before.</summary>
    public async Task<UsageRecord> NextAsync()
    {
        if (!await _arrived.WaitAsync(TimeSpan.FromSeconds(20)))
        {
            throw new TimeoutException("No usage was recorded.");
        }

        return _settled.Last();
    }
}
