using System.Buffers;
using System.Security.Cryptography;
using Forebay.Core.Batches;

namespace Forebay.Storage.Contents;

/// <summary>A log that grows by whole frames.</summary>
internal sealed class ContentLog : IContentLog
{
    private readonly FileStream _file;
    private readonly AesGcm _cipher;
    private readonly Lock _writing = new();
    private readonly SemaphoreSlim _syncing = new(1);
    private long _frames;
    private long _length;
    private long _synced;
    private bool _torn;

    private ContentLog(FileStream file, AesGcm cipher, long frames, long length)
    {
        _file = file;
        _cipher = cipher;
        _frames = frames;
        _length = length;
    }

    public long Bytes => Volatile.Read(ref _length);

    /// <summary>Reads what is there, and cuts off what lies behind the last whole frame.</summary>
    public static ContentLog Open(FileStream file, AesGcm cipher, Action<FrameHead> found)
    {
        long good = SealedFormat.HeaderBytes;
        long goodFrames = 0;
        long frames = 0;
        var frame = new FrameRead(file);
        for (long at = good; frame.TryRead(at, out ReadOnlyMemory<byte> bytes);)
        {
            // A frame that is damaged within the log is passed over: what it said is not known any more.
            if (SealedFormat.TryOpen(cipher, frames, bytes.Span, out FrameHead head, out _))
            {
                found(head);
                good = at + bytes.Length;
                goodFrames = frames + 1;
            }

            frames++;
            at += bytes.Length;
        }

        file.SetLength(good);
        return new ContentLog(file, cipher, goodFrames, good);
    }

    public void Append(in FrameHead head, ReadOnlySpan<byte> content)
    {
        int length = SealedFormat.FrameBytes + content.Length;
        byte[] frame = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            lock (_writing)
            {
                if (_torn)
                {
                    // What a failed call left must not stand before what comes next.
                    _file.SetLength(_length);
                    _torn = false;
                }

                SealedFormat.Seal(_cipher, _frames, head, content, frame.AsSpan(0, length));
                _torn = true;
                RandomAccess.Write(_file.SafeFileHandle, frame.AsSpan(0, length), _length);
                _torn = false;
                _frames++;
                Volatile.Write(ref _length, _length + length);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(frame);
        }
    }

    public async Task SyncAsync()
    {
        long wanted = Bytes;
        await _syncing.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_synced >= wanted)
            {
                return;
            }

            long now = Bytes;
            await Task.Run(() => RandomAccess.FlushToDisk(_file.SafeFileHandle)).ConfigureAwait(false);
            _synced = now;
        }
        finally
        {
            _syncing.Release();
        }
    }

    public void Dispose()
    {
        lock (_writing)
        {
            _cipher.Dispose();
            _file.Dispose();
        }

        _syncing.Dispose();
    }
}
