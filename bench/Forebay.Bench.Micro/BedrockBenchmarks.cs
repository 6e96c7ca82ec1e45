using System.Buffers;
using System.Security.Cryptography;
using BenchmarkDotNet.Attributes;
using Forebay.Protocols;
using Forebay.Protocols.Bedrock;

namespace Forebay.Bench.Micro;

/// <summary>What AWS Bedrock costs beside an upstream that speaks server-sent events: the body's edits and the signature
/// of a small request, and its stream.</summary>
public class BedrockBenchmarks
{
    private const int Events = 50;

    private static readonly DateTimeOffset At = new(2026, 11, 22, 12, 0, 0, TimeSpan.Zero);

    private readonly SigningKey _key = SigningKey.Derive(
        new AwsCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", new string('t', 400)), "us-east-1", "bedrock", At);

    private readonly SigningHeader[] _headers =
    [
        new("host", "bedrock-runtime.us-east-1.amazonaws.com"), new("content-type", "application/json"),
    ];

    private readonly ArrayBufferWriter<byte> _output = new(256 * 1024);
    private readonly StreamObserver _observer = new(WireDialect.Anthropic, default);
    private readonly BedrockStream _stream = new(BedrockStreamKind.Invoke);
    private readonly byte[] _hash = new byte[32];
    private byte[] _frames = [];
    private byte[] _sse = [];
    private RequestFacts _facts;

    [GlobalSetup]
    public void Setup()
    {
        byte[][] events =
        [
            """{"type":"message_start","message":{"id":"msg_1","model":"m","content":[],"usage":{"input_tokens":7}}}"""u8.ToArray(),
            .. Enumerable.Repeat(
                """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"capacity "}}"""u8.ToArray(), Events),
            """{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":50}}"""u8.ToArray(),
            """{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":7,"outputTokenCount":50}}"""u8.ToArray(),
        ];
        var frames = new ArrayBufferWriter<byte>();
        var writer = new EventStreamWriter();
        foreach (byte[] json in events)
        {
            string payload = $"{{\"bytes\":\"{Convert.ToBase64String(json)}\",\"p\":\"abcdefghijklmno\"}}";
            writer.Add(":event-type", "chunk").Add(":content-type", "application/json").Add(":message-type", "event")
                .Write(System.Text.Encoding.ASCII.GetBytes(payload), frames);
        }

        _frames = frames.WrittenSpan.ToArray();
        var sse = new ArrayBufferWriter<byte>();
        _ = _stream.Push(_frames, sse);
        _sse = sse.WrittenSpan.ToArray();
        _ = RequestReader.TryRead(WireDialect.Anthropic, Samples.SmallMessages, false, out _facts, out _);
    }

    /// <summary>The edits of a small body.</summary>
    [Benchmark]
    public int Edit() => InvokeRequest.For(_facts, Samples.SmallMessages, InvokeRequest.BaseVersion, []).Splices.Count;

    /// <summary>The edits, the body written out, its hash and the signature.</summary>
    [Benchmark]
    public int EditAndSign()
    {
        InvokeEdits edits = InvokeRequest.For(_facts, Samples.SmallMessages, InvokeRequest.BaseVersion, []);
        _output.ResetWrittenCount();
        edits.Splices.WriteTo(Samples.SmallMessages, _output);
        _ = SHA256.HashData(_output.WrittenSpan, _hash);
        return SigV4.Sign(_key, At, new SigningRequest
        {
            Method = "POST",
            Path = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke-with-response-stream",
            Headers = _headers,
            PayloadHash = _hash,
        }).Authorization.Length;
    }

    /// <summary>Fifty events cut out and observed, as they come from an upstream that speaks server-sent events.</summary>
    [Benchmark(Baseline = true)]
    public int StreamOfEvents() => Observe(_sse);

    /// <summary>The same out of Bedrock's frames.</summary>
    [Benchmark]
    public int StreamOfFrames()
    {
        _stream.Reset();
        _output.ResetWrittenCount();
        _ = _stream.Push(_frames, _output);
        return Observe(_output.WrittenSpan);
    }

    private int Observe(ReadOnlySpan<byte> sse)
    {
        int contents = 0;
        _observer.Reset(WireDialect.Anthropic, default);
        while (SseFraming.TryReadEvent(sse, out int length))
        {
            contents += _observer.Observe(sse[..length], _output, out _) == StreamEventKind.Content ? 1 : 0;
            sse = sse[length..];
        }

        return contents;
    }
}
