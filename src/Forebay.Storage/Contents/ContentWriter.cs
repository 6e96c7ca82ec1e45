using System.Buffers;
using System.Security.Cryptography;
using Forebay.Core.Batches;
using Forebay.Storage.Data;

namespace Forebay.Storage.Contents;

/// <summary>A content in the making, under a name of its own.</summary>
internal sealed class ContentWriter(FileStream file, AesGcm cipher, string path, string partial) : IContentWriter
{
    private long _frames;
    private bool _committed;

    public long Bytes { get; private set; } = SealedFormat.HeaderBytes;

    public void Append(in FrameHead head, ReadOnlySpan<byte> content)
    {
        int length = SealedFormat.FrameBytes + content.Length;
        byte[] frame = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            SealedFormat.Seal(cipher, _frames, head, content, frame.AsSpan(0, length));
            RandomAccess.Write(file.SafeFileHandle, frame.AsSpan(0, length), Bytes);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(frame);
        }

        _frames++;
        Bytes += length;
    }

    public void Commit()
    {
        RandomAccess.FlushToDisk(file.SafeFileHandle);
        File.Move(partial, path, overwrite: true);
        Posix.FlushDirectory(Path.GetDirectoryName(path)!);
        _committed = true;
    }

    public void Dispose()
    {
        cipher.Dispose();
        file.Dispose();
        if (!_committed)
        {
            try
            {
                File.Delete(partial);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The next start removes it.
            }
        }
    }
}
