using System.Buffers;
using BenchmarkDotNet.Attributes;
using Forebay.Protocols;

namespace Forebay.Bench.Micro;

/// <summary>Step 9: what one event costs on its way through, without the sockets.</summary>
public class StreamBenchmarks
{
    private readonly ArrayBufferWriter<byte> _rewritten = new();
    private readonly StreamObserver _observer = new(WireDialect.OpenAi, default);
    private byte[] _event = [];

    [Params("Anthropic", "OpenAi")]
    public string Dialect { get; set; } = "";

    [GlobalSetup]
    public void Setup() => _event = Samples.Event(Enum.Parse<WireDialect>(Dialect));

    /// <summary>Cuts the event out of the bytes and reads it in passing.</summary>
    [Benchmark]
    public StreamEventKind Relay()
    {
        _observer.Reset(Enum.Parse<WireDialect>(Dialect), default);
        _ = SseFraming.TryReadEvent(_event, out int length);
        return _observer.Observe(_event.AsSpan(0, length), _rewritten, out _);
    }
}
