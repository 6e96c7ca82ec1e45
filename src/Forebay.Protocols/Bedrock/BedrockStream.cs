using System.Buffers;
using Forebay.Protocols.Json;

namespace Forebay.Protocols.Bedrock;

/// <summary>Which of Bedrock's streams is read.</summary>
public enum BedrockStreamKind : byte
{
    /// <summary><c>InvokeModelWithResponseStream</c>: Anthropic's own events, in base64.</summary>
    Invoke,

    /// <summary><c>ConverseStream</c>: events named by a header.</summary>
    Converse,
}

/// <summary>
/// Turns a response stream of Bedrock into server-sent events, however it was cut on the wire: Anthropic's events as
/// Anthropic would send them, Converse's under their own names. A failure that Bedrock reports within the stream
/// becomes an <c>error</c> event of Anthropic's type for it. For one stream and one thread; reused through
/// <see cref="Reset"/>.
/// </summary>
public sealed class BedrockStream(BedrockStreamKind kind)
{
    private readonly InvokeEvents _invoke = new();
    private byte[] _held = [];

    /// <summary>The headers of the last chunk. Those of the next are the same, byte for byte, and need no reading.
    /// </summary>
    private byte[] _chunkHeaders = [];
    private int _heldLength;
    private bool _hasStopped;

    /// <summary>What is wrong with the stream; nothing is read after it.</summary>
    public EventStreamFault Fault { get; private set; }

    /// <summary>Makes it new for another stream.</summary>
    public void Reset()
    {
        _invoke.Reset();
        _heldLength = 0;
        _hasStopped = false;
        Fault = EventStreamFault.None;
    }

    /// <summary>Takes what was received next and writes the events that are whole.</summary>
    /// <returns>False once there is a fault; events before it were written.</returns>
    public bool Push(ReadOnlySpan<byte> received, IBufferWriter<byte> output)
    {
        if (_heldLength > 0)
        {
            Hold(received);
            int used = Read(_held.AsSpan(0, _heldLength), atEnd: false, output);
            _held.AsSpan(used, _heldLength - used).CopyTo(_held);
            _heldLength -= used;
        }
        else
        {
            int used = Read(received, atEnd: false, output);
            Hold(received[used..]);
        }

        return Fault == EventStreamFault.None;
    }

    /// <summary>Ends the stream.</summary>
    /// <returns>False where it ended within a message.</returns>
    public bool End(IBufferWriter<byte> output)
    {
        _ = Read(_held.AsSpan(0, _heldLength), atEnd: true, output);
        if (Fault != EventStreamFault.None)
        {
            return false;
        }

        if (kind == BedrockStreamKind.Invoke)
        {
            _invoke.Flush(output);
        }
        else if (_hasStopped)
        {
            // Usage comes after the message's end, or not at all: only the end of the stream tells that it is whole.
            output.Write("event: streamEnd\ndata: {}\n\n"u8);
        }

        return true;
    }

    private int Read(ReadOnlySpan<byte> buffer, bool atEnd, IBufferWriter<byte> output)
    {
        int used = 0;
        while (Fault == EventStreamFault.None)
        {
            EventStreamStatus status = EventStreamReader.ReadUnchecked(
                buffer[used..], atEnd, out EventStreamMessage message, out EventStreamFault fault);
            if (status != EventStreamStatus.Message)
            {
                Fault = fault;
                break;
            }

            used += message.Length;
            if (message.HeaderBytes.SequenceEqual(_chunkHeaders) && _chunkHeaders.Length > 0)
            {
                Fault = _invoke.Take(message.Payload, output) ? EventStreamFault.None : EventStreamFault.BadPayload;
            }
            else
            {
                Fault = !message.HasGoodHeaders ? EventStreamFault.BadHeaders
                    : Take(message, output) ? EventStreamFault.None
                    : EventStreamFault.BadPayload;
            }
        }

        return used;
    }

    private bool Take(in EventStreamMessage message, IBufferWriter<byte> output)
    {
        ReadOnlySpan<byte> type = message.Text(":message-type"u8);
        if (type.SequenceEqual("event"u8))
        {
            ReadOnlySpan<byte> name = message.Text(":event-type"u8);
            if (kind == BedrockStreamKind.Converse)
            {
                return TakeConverse(name, message.Payload, output);
            }

            if (!name.SequenceEqual("chunk"u8))
            {
                // Events that may be added one day are no concern of who does not know them.
                return true;
            }

            _chunkHeaders = message.HeaderBytes.ToArray();
            return _invoke.Take(message.Payload, output);
        }

        if (type.SequenceEqual("exception"u8))
        {
            BedrockStreamError.Write(message.Text(":exception-type"u8), message.Payload, output);
            return true;
        }

        if (type.SequenceEqual("error"u8))
        {
            BedrockStreamError.WriteUnmodelled(
                message.Text(":error-code"u8), message.Text(":error-message"u8), output);
            return true;
        }

        return false;
    }

    private bool TakeConverse(ReadOnlySpan<byte> name, ReadOnlySpan<byte> payload, IBufferWriter<byte> output)
    {
        var cursor = new JsonCursor(payload);
        if (name.IsEmpty
            || name.ContainsAnyInRange((byte)0, (byte)31)
            || cursor.Peek() != JsonKind.Object
            || !cursor.Skip()
            || !cursor.AtEnd())
        {
            return false;
        }

        _hasStopped |= name.SequenceEqual("messageStop"u8);
        SseText.Write(name, payload, output);
        return true;
    }

    private void Hold(ReadOnlySpan<byte> received)
    {
        int needed = _heldLength + received.Length;
        if (_held.Length < needed)
        {
            Array.Resize(ref _held, Math.Max(needed, 2 * _held.Length));
        }

        received.CopyTo(_held.AsSpan(_heldLength));
        _heldLength = needed;
    }
}
