using System.Buffers;
using System.Buffers.Text;

namespace Forebay.Protocols.Continuation;

/// <summary>Changes to one event, made in order of their place.</summary>
internal sealed class JsonEdits
{
    private readonly List<(ByteRange At, byte[] Insert)> _edits = [];

    public void Replace(ByteRange at, ReadOnlySpan<byte> insert)
    {
        // A member that stands twice is changed where it stands last, which is the one that counts.
        _edits.RemoveAll(e => e.At == at);
        _edits.Add((at, insert.ToArray()));
    }

    public void Replace(ByteRange at, long number)
    {
        Span<byte> digits = stackalloc byte[20];
        _ = Utf8Formatter.TryFormat(number, digits, out int length);
        Replace(at, digits[..length]);
    }

    /// <summary>Writes an event with its changes and forgets them.</summary>
    public void Write(ReadOnlySpan<byte> ev, IBufferWriter<byte> output)
    {
        _edits.Sort((a, b) => a.At.Start.CompareTo(b.At.Start));
        int at = 0;
        foreach ((ByteRange place, byte[] insert) in _edits)
        {
            output.Write(ev[at..place.Start]);
            output.Write(insert);
            at = place.End;
        }

        output.Write(ev[at..]);
        _edits.Clear();
    }
}
