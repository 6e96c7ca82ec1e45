using System.Buffers.Binary;
using System.Text;

namespace Forebay.Storage.Journal;

/// <summary>Writes a payload into a span that is known to be large enough.</summary>
internal ref struct PayloadWriter(Span<byte> to)
{
    /// <summary>Longest form of a variable-length integer.</summary>
    public const int MaxIntegerBytes = 10;

    private readonly Span<byte> _to = to;

    public int Length { get; private set; }

    public void Byte(byte value) => _to[Length++] = value;

    /// <summary>Zigzag, then seven bits a byte, low ones first; the high bit says that more follow.</summary>
    public void Integer(long value)
    {
        ulong rest = (ulong)((value << 1) ^ (value >> 63));
        while (rest >= 0x80)
        {
            _to[Length++] = (byte)(rest | 0x80);
            rest >>= 7;
        }

        _to[Length++] = (byte)rest;
    }

    public void Id(UInt128 value)
    {
        BinaryPrimitives.WriteUInt128LittleEndian(_to[Length..], value);
        Length += 16;
    }

    public void Double(double value)
    {
        BinaryPrimitives.WriteDoubleLittleEndian(_to[Length..], value);
        Length += sizeof(double);
    }

    /// <summary>Length in UTF-8 bytes as two bytes, then the bytes.</summary>
    public void Text(string value)
    {
        int bytes = Encoding.UTF8.GetBytes(value, _to[(Length + 2)..]);
        BinaryPrimitives.WriteUInt16LittleEndian(_to[Length..], (ushort)bytes);
        Length += 2 + bytes;
    }

    /// <summary>Most bytes that <see cref="Text"/> writes for a string.</summary>
    public static int MaxBytesOf(string value) => 2 + Encoding.UTF8.GetMaxByteCount(value.Length);
}
