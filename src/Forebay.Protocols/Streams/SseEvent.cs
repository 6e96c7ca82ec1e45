using System.Buffers;

namespace Forebay.Protocols;

/// <summary>Where the fields of one server-sent event lie in its bytes.</summary>
/// <param name="Name">The value of the last <c>event</c> line; empty where there is none.</param>
/// <param name="Data">The value of the only <c>data</c> line. Where there are several, a range from the first value to
/// the last, whose lines <see cref="CopyData"/> joins.</param>
/// <param name="DataLines">How many <c>data</c> lines there are.</param>
/// <param name="HasUnknownField">Whether a line's field is none of event, data, id and retry. Clients ignore such
/// lines; where nothing else is there, the bytes are no event stream at all.</param>
public readonly record struct SseEvent(ByteRange Name, ByteRange Data, int DataLines, bool HasUnknownField)
{
    /// <summary>Whether clients ignore the event: comments, blank lines, or a name without data.</summary>
    public bool IsComment => Data.IsEmpty;

    /// <summary>Finds the fields of an event that <see cref="SseFraming"/> has cut out.</summary>
    public static SseEvent Parse(ReadOnlySpan<byte> ev)
    {
        ByteRange name = default;
        ByteRange data = default;
        int dataLines = 0;
        bool unknown = false;
        int at = RequestReader.ByteOrderMarkLength(ev);
        while (TryReadLine(ev, ref at, out ByteRange field, out ByteRange value))
        {
            if (field.Of(ev).SequenceEqual("data"u8))
            {
                data = dataLines++ == 0 ? value : ByteRange.Between(data.Start, value.End);
            }
            else if (field.Of(ev).SequenceEqual("event"u8))
            {
                name = value;
            }
            else if (!field.IsEmpty && !field.Of(ev).SequenceEqual("id"u8) && !field.Of(ev).SequenceEqual("retry"u8))
            {
                unknown = true;
            }
        }

        return new SseEvent(name, data, dataLines, unknown);
    }

    /// <summary>Writes the event's data as a client sees it: its lines with a line feed between them.</summary>
    public void CopyData(ReadOnlySpan<byte> ev, IBufferWriter<byte> output)
    {
        if (DataLines <= 1)
        {
            output.Write(Data.Of(ev));
            return;
        }

        int at = RequestReader.ByteOrderMarkLength(ev);
        bool first = true;
        while (TryReadLine(ev, ref at, out ByteRange field, out ByteRange value))
        {
            if (!field.Of(ev).SequenceEqual("data"u8))
            {
                continue;
            }

            if (!first)
            {
                output.Write("\n"u8);
            }

            first = false;
            output.Write(value.Of(ev));
        }
    }

    private static bool TryReadLine(ReadOnlySpan<byte> ev, ref int at, out ByteRange field, out ByteRange value)
    {
        field = default;
        value = default;
        if (at >= ev.Length)
        {
            return false;
        }

        ReadOnlySpan<byte> rest = ev[at..];
        int length = rest.IndexOfAny((byte)'\n', (byte)'\r');
        length = length < 0 ? rest.Length : length;
        int colon = rest[..length].IndexOf((byte)':');
        field = new ByteRange(at, colon < 0 ? length : colon);
        int start = colon < 0 ? length : colon + 1;
        start += start < length && rest[start] == ' ' ? 1 : 0;
        value = ByteRange.Between(at + start, at + length);
        at += length + 1;
        return true;
    }
}
