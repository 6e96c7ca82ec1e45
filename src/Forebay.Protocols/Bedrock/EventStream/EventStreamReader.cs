using System.Buffers.Binary;

namespace Forebay.Protocols.Bedrock;

/// <summary>
/// Cuts bytes into messages of <c>application/vnd.amazon.eventstream</c>, however they were cut on the wire: total
/// length, length of the headers, checksum of both; headers; payload; checksum of all. A length is believed only once
/// its checksum matches, so a corrupted one never makes anybody wait for bytes or hold them.
/// </summary>
public static class EventStreamReader
{
    /// <summary>Longest message read: the format's 16 MiB of payload and 128 KiB of headers.</summary>
    public const int MaxMessageBytes = 16 * 1024 * 1024 + MaxHeaderBytes + Overhead;

    internal const int MaxHeaderBytes = 128 * 1024;
    internal const int PreludeBytes = 12;
    internal const int Overhead = PreludeBytes + sizeof(uint);

    /// <summary>Reads the first message of a buffer. Costs the message's length, and nothing where it is incomplete.
    /// </summary>
    /// <param name="buffer">Bytes received and not yet consumed, from the start of a message.</param>
    /// <param name="atEnd">Whether no more bytes follow.</param>
    /// <param name="message">The message; valid as long as the buffer.</param>
    /// <param name="fault">What is wrong.</param>
    public static EventStreamStatus Read(
        ReadOnlySpan<byte> buffer, bool atEnd, out EventStreamMessage message, out EventStreamFault fault)
    {
        EventStreamStatus status = ReadUnchecked(buffer, atEnd, out message, out fault);
        if (status == EventStreamStatus.Message && !message.HasGoodHeaders)
        {
            fault = EventStreamFault.BadHeaders;
            return EventStreamStatus.Faulty;
        }

        return status;
    }

    /// <summary>As <see cref="Read"/>, but leaves it to the caller to find out whether the headers are good.</summary>
    internal static EventStreamStatus ReadUnchecked(
        ReadOnlySpan<byte> buffer, bool atEnd, out EventStreamMessage message, out EventStreamFault fault)
    {
        message = default;
        fault = EventStreamFault.None;
        if (buffer.Length < PreludeBytes)
        {
            fault = atEnd && !buffer.IsEmpty ? EventStreamFault.Truncated : EventStreamFault.None;
            return Incomplete(fault);
        }

        uint preludeCrc = BinaryPrimitives.ReadUInt32BigEndian(buffer[8..]);
        if (Crc32.Of(buffer[..8]) != preludeCrc)
        {
            fault = EventStreamFault.BadPreludeCrc;
            return EventStreamStatus.Faulty;
        }

        uint length = BinaryPrimitives.ReadUInt32BigEndian(buffer);
        uint headers = BinaryPrimitives.ReadUInt32BigEndian(buffer[4..]);
        if (length > MaxMessageBytes || headers > MaxHeaderBytes)
        {
            fault = EventStreamFault.Oversized;
            return EventStreamStatus.Faulty;
        }

        if (length < Overhead + headers)
        {
            fault = EventStreamFault.BadLength;
            return EventStreamStatus.Faulty;
        }

        if (buffer.Length < length)
        {
            fault = atEnd ? EventStreamFault.Truncated : EventStreamFault.None;
            return Incomplete(fault);
        }

        return ReadWhole(buffer[..(int)length], (int)headers, preludeCrc, out message, out fault);
    }

    private static EventStreamStatus Incomplete(EventStreamFault fault) =>
        fault == EventStreamFault.None ? EventStreamStatus.Incomplete : EventStreamStatus.Faulty;

    private static EventStreamStatus ReadWhole(
        ReadOnlySpan<byte> whole,
        int headerLength,
        uint preludeCrc,
        out EventStreamMessage message,
        out EventStreamFault fault)
    {
        message = default;
        fault = EventStreamFault.None;
        uint crc = BinaryPrimitives.ReadUInt32BigEndian(whole[^sizeof(uint)..]);
        if (Crc32.Continue(preludeCrc, whole[8..^sizeof(uint)]) != crc)
        {
            fault = EventStreamFault.BadMessageCrc;
            return EventStreamStatus.Faulty;
        }

        ReadOnlySpan<byte> headers = whole.Slice(PreludeBytes, headerLength);
        ReadOnlySpan<byte> payload = whole[(PreludeBytes + headerLength)..^sizeof(uint)];
        message = new EventStreamMessage(whole.Length, headers, payload);
        return EventStreamStatus.Message;
    }
}
