using System.Buffers;
using Forebay.Core.Usage;
using Microsoft.Extensions.Logging;

namespace Forebay.Storage.Journal;

/// <summary>
/// Appends accept and settle records to segment files. A call is one write into the kernel under a lock; a background
/// task makes what was written durable, five milliseconds after the first byte that is not, so that many records
/// share one fdatasync.
/// </summary>
/// <remarks>
/// Frames stay in memory until they are on disk. When a write or a sync fails, the journal stops
/// (<see cref="Writable"/> is false, acceptance is refused) and every 250 ms tries to start a new segment that holds
/// all of them; the header of that segment says how much of the one before counts. So nothing is lost or doubled,
/// whatever the failed call left in the old file, and the journal is writable again only once the disk has proved it
/// can write and sync. A full segment is followed by a new one in the same way.
/// </remarks>
internal sealed partial class UsageJournal : IUsageJournal, IAsyncDisposable
{
    public static readonly TimeSpan SyncDelay = TimeSpan.FromMilliseconds(5);
    /// <summary>Contexts remembered as written; past it they are written again.</summary>
    private const int MaxContexts = 100_000;

    public static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(250);

    private readonly JournalFolder _folder;
    private readonly IJournalDisk _disk;
    private readonly TimeProvider _time;
    private readonly JournalMetrics _metrics;
    private readonly ILogger _logger;
    private readonly JournalLimits _limits;

    /// <summary>Held for one sync or one new segment at a time; taken before <see cref="_tail"/>.</summary>
    private readonly Lock _syncing = new();

    /// <summary>Guards everything below but <see cref="_inSync"/>; never held while the disk syncs, but for the start
    /// of a new segment.</summary>
    private readonly Lock _tail = new();

    private readonly HashSet<UInt128> _open;

    /// <summary>Hashes of the contexts that stand in the segment being written.</summary>
    private readonly HashSet<UInt128> _contexts = [];
    private readonly SemaphoreSlim _work = new(0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;
    private IJournalFile _file;
    private long _segment;
    private long _length;
    private JournalPosition _synced;
    private bool _signalled;
    private long _unwritableSince;
    private volatile bool _writable = true;
    private volatile bool _disposed;

    /// <summary>Frames written since the last sync began, or settled while the journal could not be written.</summary>
    private ArrayBufferWriter<byte> _unsynced = new();

    /// <summary>Frames that the sync in progress covers; guarded by <see cref="_syncing"/>.</summary>
    private ArrayBufferWriter<byte> _inSync = new();

    /// <summary>Starts a new segment behind what was recovered.</summary>
    /// <param name="folder">Where segments lie.</param>
    /// <param name="end">The end of what counts in the last segment.</param>
    /// <param name="open">Requests accepted and not settled so far.</param>
    /// <param name="limits">Sizes.</param>
    /// <param name="services">Disk, clock, metrics and log.</param>
    /// <exception cref="IOException">The disk refuses.</exception>
    public UsageJournal(
        JournalFolder folder,
        JournalPosition end,
        IEnumerable<UInt128> open,
        JournalLimits limits,
        JournalServices services)
    {
        _folder = folder;
        _limits = limits;
        (_disk, _time, _metrics, _logger) = services;
        _open = [.. open];
        _segment = end.Segment + 1;
        _file = CreateSegment(_segment, end.Offset, []);
        _length = JournalFormat.HeaderBytes;
        _synced = new JournalPosition(_segment, _length);
        _loop = Task.Run(() => RunAsync(_stop.Token));
    }

    public bool Writable => _writable;

    /// <summary>How far the journal is on disk.</summary>
    public JournalPosition Synced
    {
        get
        {
            lock (_tail)
            {
                return _synced;
            }
        }
    }

    public void Accept(AcceptRecord record)
    {
        ThrowIfUnwritable();
        ReadOnlySpan<byte> frame = JournalCodec.Frame(record);
        lock (_tail)
        {
            ThrowIfUnwritable();
            if (_open.Contains(record.RequestId))
            {
                throw new ArgumentException($"Request {record.RequestId:x32} was accepted already.", nameof(record));
            }

            if (!TryWrite(frame))
            {
                ThrowIfUnwritable();
            }

            _open.Add(record.RequestId);
        }
    }

    public void Settle(UsageRecord record)
    {
        ReadOnlySpan<byte> frame = JournalCodec.Frame(record);
        lock (_tail)
        {
            if (!_open.Remove(record.RequestId))
            {
                _metrics.Violated();
                StorageLog.SettledTwice(_logger, record.RequestId);
                return;
            }

            if (LacksContext(record))
            {
                byte[] kept = frame.ToArray();
                WriteContexts(record);
                frame = kept;
            }

            if (_writable && TryWrite(frame))
            {
                return;
            }

            // Accepts have stopped, so requests in flight bound what can wait here; the limit is for defects.
            if (_disposed || _unsynced.WrittenCount + frame.Length > _limits.UnsyncedBytes)
            {
                _metrics.Lost();
                StorageLog.SettleLost(_logger, record.RequestId);
                return;
            }

            _unsynced.Write(frame);
            _metrics.Appended(frame.Length);
        }
    }

    /// <summary>Makes everything written so far durable, or starts over where the disk failed; returns how far the
    /// journal is on disk.</summary>
    public JournalPosition Sync()
    {
        lock (_syncing)
        {
            if (!_disposed)
            {
                SyncOrResume();
            }

            return Synced;
        }
    }

    /// <summary>Stops, after one last attempt to bring everything to disk.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_syncing)
        {
            SyncOrResume();
            lock (_tail)
            {
                _disposed = true;
                _writable = false;
                _file.Dispose();
            }
        }

        _stop.Dispose();
        _work.Dispose();
    }

    private bool LacksContext(UsageRecord record)
    {
        if (record.Place.Context is { } context && !_contexts.Contains(context.Hash))
        {
            return true;
        }

        for (int i = 0; i < record.EarlierPlaces.Count; i++)
        {
            if (record.EarlierPlaces[i].Context is { } earlier && !_contexts.Contains(earlier.Hash))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What permitted a request stands before its settlement, once a segment: what follows names it by its
    /// hash.</summary>
    private void WriteContexts(UsageRecord record)
    {
        foreach (ServedPlace place in record.EarlierPlaces.Append(record.Place))
        {
            if (place.Context is not { Content.Length: > 0 } context || _contexts.Contains(context.Hash))
            {
                continue;
            }

            ReadOnlySpan<byte> frame = JournalCodec.Frame(context);
            if (!_writable || !TryWrite(frame))
            {
                if (_disposed || _unsynced.WrittenCount + frame.Length > _limits.UnsyncedBytes)
                {
                    return;
                }

                _unsynced.Write(frame);
                _metrics.Appended(frame.Length);
            }

            if (_contexts.Count >= MaxContexts)
            {
                _contexts.Clear();
            }

            _contexts.Add(context.Hash);
        }
    }

    private void ThrowIfUnwritable()
    {
        if (!_writable)
        {
            throw new JournalUnavailableException(_disposed
                ? "The usage journal is closed: the server is stopping."
                : $"The usage journal in {_folder.Path} cannot be written; see the server's log. Free space on its "
                    + "disk; admission resumes by itself.");
        }
    }

    /// <summary>Appends a frame; false when the disk refused, and the journal has stopped.</summary>
    private bool TryWrite(ReadOnlySpan<byte> frame)
    {
        if (_unsynced.WrittenCount + frame.Length > _limits.UnsyncedBytes)
        {
            Fail(new IOException($"The disk is {_unsynced.WrittenCount} bytes behind."));
            return false;
        }

        try
        {
            _file.Write(frame, _length);
        }
        catch (Exception e) when (IsDiskFailure(e))
        {
            Fail(e);
            return false;
        }

        _length += frame.Length;
        _unsynced.Write(frame);
        _metrics.Appended(frame.Length);
        Signal();
        return true;
    }

    private void Fail(Exception cause)
    {
        if (_writable)
        {
            _writable = false;
            _unwritableSince = _time.GetTimestamp();
            StorageLog.JournalUnwritable(_logger, _folder.Path, cause);
        }

        Signal();
    }

    private void Signal()
    {
        if (!_signalled)
        {
            _signalled = true;
            _work.Release();
        }
    }

    private static bool IsDiskFailure(Exception e) => e is IOException or UnauthorizedAccessException;
}

/// <summary>Sizes of the journal, in bytes.</summary>
/// <param name="SegmentBytes">A segment past this is followed by a new one.</param>
/// <param name="UnsyncedBytes">Most that may wait in memory for the disk.</param>
internal sealed record JournalLimits(int SegmentBytes, int UnsyncedBytes)
{
    public static JournalLimits Default { get; } = new(64 << 20, 64 << 20);
}

/// <summary>What the journal works with.</summary>
internal sealed record JournalServices(IJournalDisk Disk, TimeProvider Time, JournalMetrics Metrics, ILogger Logger);
