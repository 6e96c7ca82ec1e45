using System.Buffers;
using System.Buffers.Binary;
using Forebay.Protocols.Bedrock;
using Xunit;

namespace Forebay.UnitTests.Protocols.Bedrock.EventStream;

public sealed class EventStreamReaderTests
{
    [Fact]
    public void Half_a_message_is_waited_for_and_is_a_fault_at_the_end()
    {
        byte[] message = Message("payload"u8);
        for (int length = 0; length < message.Length; length++)
        {
            ReadOnlySpan<byte> part = message.AsSpan(0, length);

            Assert.Equal(EventStreamStatus.Incomplete, EventStreamReader.Read(part, false, out _, out _));
            EventStreamStatus end = EventStreamReader.Read(part, true, out _, out EventStreamFault fault);
            Assert.Equal(length == 0 ? EventStreamStatus.Incomplete : EventStreamStatus.Faulty, end);
            Assert.Equal(length == 0 ? EventStreamFault.None : EventStreamFault.Truncated, fault);
        }
    }

    /// <summary>No flipped bit passes, and none makes the reader wait for gigabytes: a length counts once its checksum
    /// matches.</summary>
    [Fact]
    public void Every_flipped_bit_is_noticed_without_waiting_for_more()
    {
        byte[] message = Message("a payload of some length, to be flipped bit by bit"u8);
        for (int bit = 0; bit < 8 * message.Length; bit++)
        {
            byte[] flipped = [.. message];
            flipped[bit / 8] ^= (byte)(1 << bit % 8);

            Assert.Equal(EventStreamStatus.Faulty, EventStreamReader.Read(flipped, false, out _, out EventStreamFault fault));
            Assert.Equal(bit < 96 ? EventStreamFault.BadPreludeCrc : EventStreamFault.BadMessageCrc, fault);
        }
    }

    [Theory]
    [InlineData(EventStreamReader.MaxMessageBytes + 1, 0, EventStreamFault.Oversized)]
    [InlineData(300_000, 131_073, EventStreamFault.Oversized)]
    [InlineData(uint.MaxValue, 0, EventStreamFault.Oversized)]
    [InlineData(15, 0, EventStreamFault.BadLength)]
    [InlineData(20, 5, EventStreamFault.BadLength)]
    [InlineData(20, uint.MaxValue, EventStreamFault.Oversized)]
    public void Lengths_that_cannot_be_are_refused_at_once(uint total, uint headers, EventStreamFault expected)
    {
        byte[] prelude = new byte[12];
        BinaryPrimitives.WriteUInt32BigEndian(prelude, total);
        BinaryPrimitives.WriteUInt32BigEndian(prelude.AsSpan(4), headers);
        BinaryPrimitives.WriteUInt32BigEndian(prelude.AsSpan(8), Crc32.Of(prelude.AsSpan(0, 8)));

        Assert.Equal(EventStreamStatus.Faulty, EventStreamReader.Read(prelude, false, out _, out EventStreamFault fault));
        Assert.Equal(expected, fault);
    }

    [Theory]
    [InlineData(new byte[] { 0, 0 })]
    [InlineData(new byte[] { 5, (byte)'a', 0 })]
    [InlineData(new byte[] { 1, (byte)'a', 10 })]
    [InlineData(new byte[] { 1, (byte)'a', 7, 0 })]
    [InlineData(new byte[] { 1, (byte)'a', 7, 0, 9, 1 })]
    [InlineData(new byte[] { 1, (byte)'a', 5, 1, 2, 3 })]
    public void Headers_that_break_off_are_refused_though_the_checksum_matches(byte[] headers)
    {
        byte[] message = new byte[16 + headers.Length];
        BinaryPrimitives.WriteUInt32BigEndian(message, (uint)message.Length);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(4), (uint)headers.Length);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(8), Crc32.Of(message.AsSpan(0, 8)));
        headers.CopyTo(message, 12);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(message.Length - 4), Crc32.Of(message.AsSpan(..^4)));

        Assert.Equal(EventStreamStatus.Faulty, EventStreamReader.Read(message, false, out _, out EventStreamFault fault));
        Assert.Equal(EventStreamFault.BadHeaders, fault);
    }

    private static byte[] Message(ReadOnlySpan<byte> payload)
    {
        var output = new ArrayBufferWriter<byte>();
        new EventStreamWriter().Add(":message-type", "event").Add(":event-type", "chunk").Write(payload, output);
        return output.WrittenSpan.ToArray();
    }
}
