using Forebay.Core.Audit;

namespace Forebay.TestKit.Memory;

/// <summary>The audit chain in memory, with its real hashes; can be made to fail, and tampered with.</summary>
public sealed class MemoryAuditLog : IAuditLog
{
    private readonly Lock _lock = new();
    private readonly List<AuditEntry> _entries = [];

    /// <summary>Thrown by the next appends while set.</summary>
    public Exception? WriteFailure { get; set; }

    public IReadOnlyList<AuditEntry> Entries
    {
        get
        {
            lock (_lock)
            {
                return [.. _entries];
            }
        }
    }

    /// <summary>Replaces a stored entry behind the log's back.</summary>
    public void Tamper(int index, Func<AuditEntry, AuditEntry> change)
    {
        lock (_lock)
        {
            _entries[index] = change(_entries[index]);
        }
    }

    public Task<AuditEntry> AppendAsync(
        long atUnixMs,
        string actor,
        string action,
        string subject,
        string detailJson,
        CancellationToken cancel)
    {
        if (WriteFailure is { } failure)
        {
            return Task.FromException<AuditEntry>(failure);
        }

        lock (_lock)
        {
            string previous = _entries.Count == 0 ? AuditChain.Genesis : _entries[^1].Hash;
            long sequence = _entries.Count + 1;
            string hash = AuditChain.HashOf(sequence, atUnixMs, actor, action, subject, detailJson, previous);
            var entry = new AuditEntry(sequence, atUnixMs, actor, action, subject, detailJson, previous, hash);
            _entries.Add(entry);
            return Task.FromResult(entry);
        }
    }

    public Task<IReadOnlyList<AuditEntry>> ReadAsync(long afterSequence, int limit, CancellationToken cancel) =>
        Task.FromResult<IReadOnlyList<AuditEntry>>([.. Entries.Where(e => e.Sequence > afterSequence).Take(limit)]);

    public Task<long?> VerifyAsync(CancellationToken cancel) => Task.FromResult(AuditChain.FirstBreak(Entries));
}
