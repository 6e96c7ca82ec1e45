using System.Security.Cryptography;
using Forebay.Core.Batches;

namespace Forebay.Storage.Contents;

/// <summary>Reads a content frame by frame. A position holds both where a frame begins and which one it is.</summary>
internal sealed class ContentReader(FileStream file, AesGcm cipher, string id) : IContentReader
{
    /// <summary>Frames of one file; its bytes take the rest of the 63 bits.</summary>
    private const int FrameBits = 22;

    private readonly Lock _reading = new();

    public bool TryRead(ref long position, out FrameHead head, out byte[] content)
    {
        long number = position & ((1L << FrameBits) - 1);
        long at = (position >> FrameBits) + (position == 0 ? SealedFormat.HeaderBytes : 0);
        lock (_reading)
        {
            if (!new FrameRead(file).TryRead(at, out ReadOnlyMemory<byte> frame))
            {
                (head, content) = (default, []);
                return at >= RandomAccess.GetLength(file.SafeFileHandle)
                    ? false
                    : throw new InvalidDataException($"The stored contents of {id} end in the middle of a frame.");
            }

            if (!SealedFormat.TryOpen(cipher, number, frame.Span, out head, out content))
            {
                throw new InvalidDataException(
                    $"Frame {number} of the stored contents of {id} is not what was written.");
            }

            position = ((at + frame.Length) << FrameBits) | (number + 1);
            return true;
        }
    }

    public void Dispose()
    {
        lock (_reading)
        {
            cipher.Dispose();
            file.Dispose();
        }
    }
}

/// <summary>Takes the bytes of a frame out of a file.</summary>
internal readonly struct FrameRead(FileStream file)
{
    /// <summary>False at the end, or where no whole frame follows.</summary>
    public bool TryRead(long at, out ReadOnlyMemory<byte> frame)
    {
        frame = default;
        Span<byte> start = stackalloc byte[4];
        int read = RandomAccess.Read(file.SafeFileHandle, start, at);
        int length = SealedFormat.LengthOf(start[..read]);
        if (length == 0 || at + length > RandomAccess.GetLength(file.SafeFileHandle))
        {
            return false;
        }

        byte[] bytes = new byte[length];
        for (int got = 0; got < length;)
        {
            int more = RandomAccess.Read(file.SafeFileHandle, bytes.AsSpan(got), at + got);
            if (more == 0)
            {
                return false;
            }

            got += more;
        }

        frame = bytes;
        return true;
    }
}
