using System.Buffers;
using System.Buffers.Text;

namespace Forebay.Protocols.Translation;

/// <summary>Writes wire text piece by piece with one check per piece. <see cref="Flush"/> ends it.</summary>
internal ref struct WireOutput(IBufferWriter<byte> output)
{
    private const int LeastFree = 256;
    private const int MostFree = 64 * 1024;

    private readonly IBufferWriter<byte> _output = output;
    private Span<byte> _free;
    private int _used;

    public void Raw(scoped ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > _free.Length - _used)
        {
            int fits = _free.Length - _used;
            bytes[..fits].CopyTo(_free[_used..]);
            _used += fits;
            bytes = bytes[fits..];
            Flush();
            _free = _output.GetSpan(Math.Clamp(bytes.Length, LeastFree, MostFree));
        }

        bytes.CopyTo(_free[_used..]);
        _used += bytes.Length;
    }

    public void Raw(byte one) => Raw([one]);

    public void Number(long value)
    {
        Span<byte> digits = stackalloc byte[20];
        _ = Utf8Formatter.TryFormat(value, digits, out int length);
        Raw(digits[..length]);
    }

    /// <summary>Writes a string: quotes around what stood between quotes.</summary>
    public void Quoted(scoped ReadOnlySpan<byte> content)
    {
        Raw((byte)'"');
        Raw(content);
        Raw((byte)'"');
    }

    /// <summary>Writes JSON text as the content of a JSON string.</summary>
    public void Escaped(scoped ReadOnlySpan<byte> json)
    {
        while (!json.IsEmpty)
        {
            int plain = 0;
            while (plain < json.Length && json[plain] >= 0x20 && json[plain] is not ((byte)'"' or (byte)'\\'))
            {
                plain++;
            }

            Raw(json[..plain]);
            if (plain == json.Length)
            {
                return;
            }

            // Well-formed JSON holds no control character but the three kinds of white space.
            Raw(json[plain] switch
            {
                (byte)'"' => "\\\""u8,
                (byte)'\\' => "\\\\"u8,
                (byte)'\n' => "\\n"u8,
                (byte)'\r' => "\\r"u8,
                (byte)'\t' => "\\t"u8,
                _ => " "u8,
            });
            json = json[(plain + 1)..];
        }
    }

    /// <summary>Hands everything written to the output.</summary>
    public void Flush()
    {
        if (_used > 0)
        {
            _output.Advance(_used);
        }

        _free = default;
        _used = 0;
    }
}
