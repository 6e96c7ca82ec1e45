using System.Buffers;
using Forebay.Protocols.Bedrock;

namespace Forebay.Gateway.Providers.Bedrock;

/// <summary>A response stream of Bedrock, read as server-sent events. A frame that cannot be trusted ends it: as a
/// broken protocol or, where the bytes just end, as a cut connection.</summary>
internal sealed class EventStreamBody(Stream frames, BedrockStreamKind kind) : Stream
{
    /// <summary>What a silent stream holds; a dozen frames.</summary>
    private const int ReadBytes = 4 * 1024;

    private readonly BedrockStream _decoder = new(kind);
    private readonly ArrayBufferWriter<byte> _events = new();
    private byte[]? _received;
    private int _taken;
    private bool _ended;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_taken == _events.WrittenCount)
        {
            if (_decoder.Fault != EventStreamFault.None)
            {
                // Told once what came before it has gone on: that was whole.
                throw Fault();
            }

            if (_ended)
            {
                return 0;
            }

            _events.ResetWrittenCount();
            _taken = 0;
            _received ??= ArrayPool<byte>.Shared.Rent(ReadBytes);
            int read = await frames.ReadAsync(_received, cancellationToken);
            _ended = read == 0;
            _ = _ended ? _decoder.End(_events) : _decoder.Push(_received.AsSpan(0, read), _events);
        }

        int length = Math.Min(buffer.Length, _events.WrittenCount - _taken);
        _events.WrittenMemory.Slice(_taken, length).CopyTo(buffer);
        _taken += length;
        return length;
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    protected override void Dispose(bool disposing)
    {
        if (_received is { } received)
        {
            _received = null;
            ArrayPool<byte>.Shared.Return(received);
        }

        base.Dispose(disposing);
    }

    private Exception Fault() => _decoder.Fault == EventStreamFault.Truncated
        ? new EndOfStreamException("The event stream ended within a message.")
        : new InvalidDataException($"The event stream is broken: {_decoder.Fault}.");
}
