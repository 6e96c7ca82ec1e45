using System.Buffers;

namespace Forebay.Storage.Journal;

/// <summary>The background half: syncing, following a full segment with a new one, and starting over after a failure.
/// </summary>
internal sealed partial class UsageJournal
{
    private async Task RunAsync(CancellationToken stop)
    {
        while (true)
        {
            await _work.WaitAsync(stop).ConfigureAwait(false);
            await Task.Delay(_writable ? SyncDelay : RetryDelay, _time, stop).ConfigureAwait(false);
            lock (_syncing)
            {
                SyncOrResume();
            }
        }
    }

    /// <summary>Under <see cref="_syncing"/>.</summary>
    private void SyncOrResume()
    {
        bool writable;
        lock (_tail)
        {
            // Before anything is looked at: what happens from here on signals anew, and no wake-up is lost.
            _signalled = false;
            writable = _writable;
        }

        if (writable)
        {
            SyncWritten();
        }
        else if (!TryStartSegment())
        {
            lock (_tail)
            {
                Signal();
            }
        }
    }

    /// <summary>Under <see cref="_syncing"/>.</summary>
    private void SyncWritten()
    {
        IJournalFile file;
        JournalPosition written;
        lock (_tail)
        {
            file = _file;
            written = new JournalPosition(_segment, _length);
            if (!_writable || written == _synced)
            {
                return;
            }

            (_inSync, _unsynced) = (_unsynced, _inSync);
        }

        try
        {
            long started = _time.GetTimestamp();
            file.Flush();
            _metrics.Synced(_time.GetElapsedTime(started).TotalMilliseconds);
        }
        catch (Exception e) when (IsDiskFailure(e))
        {
            // After a failed fsync the kernel may drop the pages and call the next one a success: what is in memory is
            // the only copy to trust.
            lock (_tail)
            {
                Fail(e);
            }

            return;
        }

        lock (_tail)
        {
            _synced = written;
            _inSync.ResetWrittenCount();
            if (written.Offset >= _limits.SegmentBytes && _writable && !TryStartSegment())
            {
                Fail(new IOException("No new segment could be started."));
            }
        }
    }

    /// <summary>
    /// Starts a segment with every frame that is not known to be on disk, under <see cref="_syncing"/>. Settlements
    /// that come meanwhile are appended to it.
    /// </summary>
    private bool TryStartSegment()
    {
        long segment;
        long previousLength;
        lock (_tail)
        {
            _inSync.Write(_unsynced.WrittenSpan);
            _unsynced.ResetWrittenCount();
            segment = _segment + 1;
            previousLength = _synced.Offset;
        }

        IJournalFile next;
        try
        {
            next = CreateSegment(segment, previousLength, _inSync.WrittenSpan);
        }
        catch (Exception e) when (IsDiskFailure(e))
        {
            StorageLog.SegmentNotStarted(_logger, _folder.FileOf(segment), e.Message);
            return false;
        }

        lock (_tail)
        {
            _file.Dispose();
            _file = next;
            _contexts.Clear();
            _segment = segment;
            _length = JournalFormat.HeaderBytes + _inSync.WrittenCount;
            _synced = new JournalPosition(_segment, _length);
            _inSync.ResetWrittenCount();
            return TryWriteHeld();
        }
    }

    /// <summary>Writes what was settled while the new segment was being made, and opens the journal again.</summary>
    private bool TryWriteHeld()
    {
        if (_unsynced.WrittenCount > 0)
        {
            try
            {
                _file.Write(_unsynced.WrittenSpan, _length);
            }
            catch (Exception e) when (IsDiskFailure(e))
            {
                return false;
            }

            _length += _unsynced.WrittenCount;
            Signal();
        }

        if (!_writable)
        {
            TimeSpan stopped = _time.GetElapsedTime(_unwritableSince);
            _metrics.Unwritable(stopped);
            _writable = true;
            StorageLog.JournalWritable(_logger, _folder.Path, stopped.TotalSeconds);
        }

        return true;
    }

    private IJournalFile CreateSegment(long segment, long previousLength, ReadOnlySpan<byte> frames)
    {
        string path = _folder.FileOf(segment);
        string temporary = path + ".tmp";
        IJournalFile file = _disk.Create(temporary);
        try
        {
            Span<byte> header = stackalloc byte[JournalFormat.HeaderBytes];
            JournalFormat.WriteHeader(header, new SegmentHeader(segment, previousLength));
            file.Write(header, 0);
            file.Write(frames, JournalFormat.HeaderBytes);
            file.Flush();
            _disk.Publish(temporary, path);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
