using System.Buffers.Binary;

namespace Forebay.Storage.Journal;

/// <summary>Reads a payload; bytes that do not fit make it <see cref="Broken"/> instead of throwing.</summary>
internal ref struct PayloadReader(ReadOnlySpan<byte> from, TextPool texts)
{
    private ReadOnlySpan<byte> _rest = from;

    public bool Broken { get; private set; }

    /// <summary>Everything was read, and it fitted.</summary>
    public readonly bool Complete => !Broken && _rest.IsEmpty;

    public byte Byte() => Take(1, out ReadOnlySpan<byte> bytes) ? bytes[0] : (byte)0;

    public long Integer()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte b = Byte();
            value |= (ulong)(b & 0x7f) << shift;
            if (b < 0x80)
            {
                return (long)(value >> 1) ^ -(long)(value & 1);
            }
        }

        Broken = true;
        return 0;
    }

    public int Int32()
    {
        long value = Integer();
        Broken |= value is < int.MinValue or > int.MaxValue;
        return (int)value;
    }

    public UInt128 Id() =>
        Take(16, out ReadOnlySpan<byte> bytes) ? BinaryPrimitives.ReadUInt128LittleEndian(bytes) : 0;

    public double Double() =>
        Take(sizeof(double), out ReadOnlySpan<byte> bytes) ? BinaryPrimitives.ReadDoubleLittleEndian(bytes) : 0;

    public string Text()
    {
        if (!Take(2, out ReadOnlySpan<byte> length)
            || !Take(BinaryPrimitives.ReadUInt16LittleEndian(length), out ReadOnlySpan<byte> utf8))
        {
            return "";
        }

        return texts.Get(utf8);
    }

    private bool Take(int count, out ReadOnlySpan<byte> bytes)
    {
        if (Broken || count > _rest.Length)
        {
            Broken = true;
            bytes = default;
            return false;
        }

        bytes = _rest[..count];
        _rest = _rest[count..];
        return true;
    }
}
