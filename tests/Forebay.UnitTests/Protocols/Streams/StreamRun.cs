using System.Buffers;
using System.Text;
using Forebay.Protocols;
using Xunit;

namespace Forebay.UnitTests.Protocols.Streams;

/// <summary>Relays a whole stream the way a gateway does: bytes arrive in pieces, events are cut out, observed and
/// passed on.</summary>
internal sealed class StreamRun
{
    private readonly ArrayBufferWriter<byte> _sent = new();

    private StreamRun(StreamObserver observer) => Observer = observer;

    public StreamObserver Observer { get; }

    public List<StreamEventKind> Kinds { get; } = [];

    public string Sent => Encoding.UTF8.GetString(_sent.WrittenSpan);

    public byte[] SentBytes => _sent.WrittenSpan.ToArray();

    public static StreamRun Of(WireDialect dialect, string stream, StreamRewrite rewrite = default) =>
        Of(dialect, Encoding.UTF8.GetBytes(stream), rewrite);

    /// <summary>Relays a stream, cut into pieces where a generator is given.</summary>
    public static StreamRun Of(WireDialect dialect, byte[] stream, StreamRewrite rewrite = default, Random? cuts = null)
    {
        var run = new StreamRun(new StreamObserver(dialect, rewrite));
        int start = 0;
        int searched = 0;
        for (int end = 0; end < stream.Length;)
        {
            end = cuts is null ? stream.Length : Math.Min(stream.Length, end + cuts.Next(1, 40));
            bool atEnd = end == stream.Length;
            while (SseFraming.TryReadEvent(stream.AsSpan(start..end), searched, atEnd, out int length))
            {
                run.Relay(stream.AsSpan(start, length));
                start += length;
                searched = 0;
            }

            searched = end - start;
        }

        Assert.Equal(stream.Length, start);
        return run;
    }

    private void Relay(ReadOnlySpan<byte> ev)
    {
        var rewritten = new ArrayBufferWriter<byte>();
        Kinds.Add(Observer.Observe(ev, rewritten, out StreamAction action));
        Assert.Equal(action == StreamAction.Rewritten, rewritten.WrittenCount > 0);
        _sent.Write(action switch
        {
            StreamAction.Pass => ev,
            StreamAction.Rewritten => rewritten.WrittenSpan,
            _ => [],
        });
    }
}
