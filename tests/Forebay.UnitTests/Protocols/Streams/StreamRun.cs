using System.Buffers;
using System.Text;
using Forebay.Protocols;
using Xunit;

namespace Forebay.UnitTests.Protocols.Streams;

/// <summary>Relays a whole stream the way a gateway does: bytes arrive in pieces, events are cut out, observed and
/// passed on, and what is left at the end goes out as it is.</summary>
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
        var buffer = new List<byte>();
        int searched = 0;
        for (int at = 0; at < stream.Length;)
        {
            int piece = cuts is null ? stream.Length : Math.Min(stream.Length - at, cuts.Next(1, 40));
            buffer.AddRange(stream.AsSpan(at, piece));
            at += piece;
            while (SseFraming.TryReadEvent(buffer.ToArray(), searched, atEnd: at == stream.Length, out int length))
            {
                run.Relay(buffer.GetRange(0, length).ToArray());
                buffer.RemoveRange(0, length);
                searched = 0;
            }

            searched = buffer.Count;
        }

        run._sent.Write(buffer.ToArray());
        return run;
    }

    private void Relay(byte[] ev)
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
