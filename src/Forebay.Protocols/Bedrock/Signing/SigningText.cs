using System.Buffers;
using System.Text;

namespace Forebay.Protocols.Bedrock;

/// <summary>Text that is hashed; grows, and is used again.</summary>
internal sealed class SigningText
{
    private const int UsualLength = 1024;

    /// <summary>What is never encoded (RFC 3986, section 2.3).</summary>
    private static readonly SearchValues<byte> Unreserved = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"u8);

    private static readonly SearchValues<byte> UnreservedOrSlash = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"u8);

    private byte[] _bytes = new byte[UsualLength];
    private int _length;

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    public void Add(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Room(bytes.Length));
        _length += bytes.Length;
    }

    public void Add(byte one)
    {
        Room(1)[0] = one;
        _length++;
    }

    public void Add(ReadOnlySpan<char> text) =>
        _length += Encoding.UTF8.GetBytes(text, Room(Encoding.UTF8.GetMaxByteCount(text.Length)));

    public void AddLower(ReadOnlySpan<char> asciiName)
    {
        Span<byte> room = Room(asciiName.Length);
        for (int i = 0; i < asciiName.Length; i++)
        {
            room[i] = (byte)char.ToLowerInvariant(asciiName[i]);
        }

        _length += asciiName.Length;
    }

    public void AddHex(ReadOnlySpan<byte> bytes)
    {
        _ = Convert.TryToHexStringLower(bytes, Room(2 * bytes.Length), out int written);
        _length += written;
    }

    /// <summary>Adds a header's value: trimmed, each run of white space within one space.</summary>
    public void AddTrimmed(ReadOnlySpan<char> value)
    {
        bool first = true;
        while (!(value = value.TrimStart()).IsEmpty)
        {
            int space = value.IndexOfAny(" \t\r\n");
            space = space < 0 ? value.Length : space;
            if (!first)
            {
                Add((byte)' ');
            }

            first = false;
            Add(value[..space]);
            value = value[space..];
        }
    }

    /// <summary>Adds text with everything encoded that is not unreserved.</summary>
    public void AddEncoded(ReadOnlySpan<byte> text, bool keepSlash)
    {
        SearchValues<byte> plain = keepSlash ? UnreservedOrSlash : Unreserved;
        while (!text.IsEmpty)
        {
            int run = text.IndexOfAnyExcept(plain);
            run = run < 0 ? text.Length : run;
            Add(text[..run]);
            text = text[run..];
            if (text.IsEmpty)
            {
                return;
            }

            Span<byte> room = Room(3);
            room[0] = (byte)'%';
            room[1] = HexOf(text[0] >> 4);
            room[2] = HexOf(text[0] & 0xF);
            _length += 3;
            text = text[1..];
        }
    }

    public void Clear() => _length = 0;

    private static byte HexOf(int digit) => (byte)(digit < 10 ? '0' + digit : 'A' + digit - 10);

    private Span<byte> Room(int needed)
    {
        if (_bytes.Length - _length < needed)
        {
            Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, _length + needed));
        }

        return _bytes.AsSpan(_length);
    }
}
