using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Forebay.Storage.Journal;

/// <summary>What a segment's header says.</summary>
/// <param name="Segment">Its number.</param>
/// <param name="PreviousLength">
/// How many bytes of the segment before it count. Whatever lies behind them there was torn by a failure and has been
/// written again here.
/// </param>
internal readonly record struct SegmentHeader(long Segment, long PreviousLength);

/// <summary>
/// Bytes of a segment, little endian. A header: magic (8), segment (8), previous length (8), version (4), CRC-32C of
/// those (4). Then frames: length of kind and payload (4), CRC-32C of length, kind and payload (4), kind (1), payload.
/// </summary>
internal static class JournalFormat
{
    /// <summary>1 had no places and no contexts, 2 no items of batches.</summary>
    public const int Version = 3;
    public const int HeaderBytes = 32;
    public const int FrameHeaderBytes = 9;

    /// <summary>Largest frame; a longer length in a file is damage.</summary>
    public const int MaxFrameBytes = 64 * 1024;

    private const string Extension = ".fbj";
    private const int LengthBytes = 4;

    private static ReadOnlySpan<byte> Magic => "FBUSAGE\n"u8;

    public static string FileName(long segment) => segment.ToString("D16", CultureInfo.InvariantCulture) + Extension;

    public static bool TryParseFileName(string name, out long segment)
    {
        segment = 0;
        return name.Length == 16 + Extension.Length && name.EndsWith(Extension, StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(0, 16), NumberStyles.None, CultureInfo.InvariantCulture, out segment)
            && segment > 0;
    }

    public static void WriteHeader(Span<byte> to, SegmentHeader header)
    {
        Magic.CopyTo(to);
        BinaryPrimitives.WriteInt64LittleEndian(to[8..], header.Segment);
        BinaryPrimitives.WriteInt64LittleEndian(to[16..], header.PreviousLength);
        BinaryPrimitives.WriteInt32LittleEndian(to[24..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(to[28..], Crc32C(to[..28]));
    }

    /// <summary>False when the bytes are no header.</summary>
    /// <exception cref="StorageException">A newer program wrote the segment.</exception>
    public static bool TryReadHeader(ReadOnlySpan<byte> from, out SegmentHeader header)
    {
        header = default;
        if (from.Length < HeaderBytes || !from.StartsWith(Magic)
            || BinaryPrimitives.ReadUInt32LittleEndian(from[28..]) != Crc32C(from[..28]))
        {
            return false;
        }

        header = new SegmentHeader(
            BinaryPrimitives.ReadInt64LittleEndian(from[8..]), BinaryPrimitives.ReadInt64LittleEndian(from[16..]));
        int version = BinaryPrimitives.ReadInt32LittleEndian(from[24..]);
        return version <= Version
            ? true
            : throw new StorageException($"Journal segment {FileName(header.Segment)} has version {version}; this "
                + $"program reads up to {Version}. Run the newer program.");
    }

    /// <summary>Completes a frame whose kind and payload are in place.</summary>
    public static void SealFrame(Span<byte> frame, byte kind)
    {
        BinaryPrimitives.WriteInt32LittleEndian(frame, frame.Length - FrameHeaderBytes + 1);
        frame[8] = kind;
        BinaryPrimitives.WriteUInt32LittleEndian(frame[LengthBytes..], FrameCrc(frame));
    }

    /// <summary>The whole frame's length as its first four bytes claim it, or 0 when that cannot be one.</summary>
    public static int ClaimedFrameBytes(ReadOnlySpan<byte> from)
    {
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(from);
        return length is >= 1 and <= MaxFrameBytes - FrameHeaderBytes + 1 ? (int)length + FrameHeaderBytes - 1 : 0;
    }

    public static bool FrameFits(ReadOnlySpan<byte> frame) =>
        BinaryPrimitives.ReadUInt32LittleEndian(frame[LengthBytes..]) == FrameCrc(frame);

    private static uint FrameCrc(ReadOnlySpan<byte> frame) =>
        ~Extend(Extend(uint.MaxValue, frame[..LengthBytes]), frame[8..]);

    private static uint Crc32C(ReadOnlySpan<byte> bytes) => ~Extend(uint.MaxValue, bytes);

    private static uint Extend(uint crc, ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ulong word in words)
        {
            crc = BitOperations.Crc32C(crc, word);
        }

        foreach (byte b in bytes[(words.Length * sizeof(ulong))..])
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return crc;
    }
}
