using System.Buffers;
using Forebay.Protocols.Translation;

namespace Forebay.Protocols;

/// <summary>
/// Translates one response stream event by event: each event of the upstream becomes zero or more whole events of the
/// client's dialect. For one stream and one thread.
/// </summary>
public sealed class StreamTranslator
{
    private readonly StreamPartReader _reader;
    private readonly StreamPartWriter _writer;
    private ArrayBufferWriter<byte>? _joined;

    /// <param name="from">The upstream's dialect.</param>
    /// <param name="to">The client's.</param>
    /// <param name="observer">Follows the upstream's stream and sees each event before this does; its usage is what
    /// the client is told at the end.</param>
    /// <param name="frame">What the answer says that the upstream's does not.</param>
    public StreamTranslator(WireDialect from, WireDialect to, StreamObserver observer, AnswerFrame frame)
    {
        _reader = from switch
        {
            WireDialect.Anthropic => new AnthropicStreamReader(),
            WireDialect.Responses => new ResponsesStreamReader(),
            WireDialect.Converse => new ConverseStreamReader(),
            _ => new OpenAiStreamReader(),
        };
        _writer = to switch
        {
            WireDialect.Anthropic => new AnthropicStreamWriter(observer, frame),
            WireDialect.Responses => new ResponsesStreamWriter(observer, frame),
            _ => new OpenAiStreamWriter(observer, frame),
        };
    }

    /// <summary>Bytes of the answer that are held until its end; what ends it says them again.</summary>
    public int HeldBytes => _writer.HeldBytes;

    /// <summary>The number of the client's next event, in a dialect that counts its events.</summary>
    public long NextSequence => _writer.NextSequence;

    /// <summary>Why the stream cannot go on, for the log; null while it can.</summary>
    public string? Problem => _writer.Problem;

    /// <summary>Translates the next event.</summary>
    /// <param name="ev">An event that the observer found to be one of the dialect, no error among them.</param>
    /// <param name="output">Where the client's events are written.</param>
    /// <returns>False when the stream cannot go on; <see cref="Problem"/> says why.</returns>
    public bool Translate(ReadOnlySpan<byte> ev, IBufferWriter<byte> output)
    {
        SseEvent fields = SseEvent.Parse(ev);
        var to = new WireOutput(output);
        if (fields.IsComment)
        {
            to.Raw(": \n\n"u8);
        }
        else
        {
            _reader.Read(fields.Name.Of(ev), DataOf(ev, fields), _writer, ref to);
        }

        to.Flush();
        return _writer.Problem is null;
    }

    /// <summary>The event's data on one line: within JSON a line end can only be white space.</summary>
    private ReadOnlySpan<byte> DataOf(ReadOnlySpan<byte> ev, SseEvent fields)
    {
        if (fields.DataLines <= 1)
        {
            return fields.Data.Of(ev);
        }

        _joined ??= new ArrayBufferWriter<byte>();
        _joined.ResetWrittenCount();
        fields.CopyData(ev, _joined);
        return _joined.WrittenSpan;
    }
}
