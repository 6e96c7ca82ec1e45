using System.Buffers;
using System.Text;
using BenchmarkDotNet.Attributes;
using Forebay.Protocols;

namespace Forebay.Bench.Micro;

/// <summary>Steps 8 and 9 where client and upstream speak different dialects: a request, and a stream of 20 tokens.</summary>
public class TranslationBenchmarks
{
    private readonly ArrayBufferWriter<byte> _output = new(64 * 1024);
    private readonly ArrayBufferWriter<byte> _passed = new();
    private RequestFacts _chat;
    private RequestFacts _messages;
    private RequestFacts _responses;
    private byte[] _responsesBody = [];
    private byte[][] _events = [];

    [GlobalSetup]
    public void Setup()
    {
        _ = RequestReader.TryRead(WireDialect.OpenAi, Samples.SmallChat, countTokens: false, out _chat, out _);
        _ = RequestReader.TryRead(WireDialect.Anthropic, Samples.SmallMessages, countTokens: false, out _messages, out _);
        var body = new ArrayBufferWriter<byte>();
        _ = RequestTranslator.Translate(
            WireDialect.OpenAi, WireDialect.Responses, Samples.SmallChat, in _chat, 64_000, body);
        _responsesBody = body.WrittenSpan.ToArray();
        _ = RequestReader.TryRead(WireDialect.Responses, _responsesBody, countTokens: false, out _responses, out _);
        string[] stream =
        [
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\"," +
                "\"role\":\"assistant\",\"model\":\"atlas\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null," +
                "\"usage\":{\"input_tokens\":20,\"output_tokens\":1}}}\n\n",
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0," +
                "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
            .. Enumerable.Repeat(Encoding.UTF8.GetString(Samples.Event(WireDialect.Anthropic)), 20),
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"," +
                "\"stop_sequence\":null},\"usage\":{\"output_tokens\":20}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ];
        _events = [.. stream.Select(Encoding.UTF8.GetBytes)];
    }

    [Benchmark]
    public int RequestToAnthropic()
    {
        _output.ResetWrittenCount();
        _ = RequestTranslator.Translate(
            WireDialect.OpenAi, WireDialect.Anthropic, Samples.SmallChat, in _chat, 64_000, _output);
        return _output.WrittenCount;
    }

    [Benchmark]
    public int RequestToOpenAi()
    {
        _output.ResetWrittenCount();
        _ = RequestTranslator.Translate(
            WireDialect.Anthropic, WireDialect.OpenAi, Samples.SmallMessages, in _messages, 64_000, _output);
        return _output.WrittenCount;
    }

    [Benchmark]
    public int RequestFromResponses()
    {
        _output.ResetWrittenCount();
        _ = RequestTranslator.Translate(
            WireDialect.Responses, WireDialect.Anthropic, _responsesBody, in _responses, 64_000, _output);
        return _output.WrittenCount;
    }

    /// <summary>An Anthropic stream, observed and said in OpenAI's dialect.</summary>
    [Benchmark]
    public int StreamToOpenAi() => Stream(WireDialect.OpenAi);

    /// <summary>The same stream said in the Responses dialect, where all of it is said again at its end.</summary>
    [Benchmark]
    public int StreamToResponses() => Stream(WireDialect.Responses);

    private int Stream(WireDialect to)
    {
        _output.ResetWrittenCount();
        var observer = new StreamObserver(WireDialect.Anthropic, default);
        var translator = new StreamTranslator(
            WireDialect.Anthropic,
            to,
            observer,
            new AnswerFrame("chatcmpl-1", "\"atlas\""u8.ToArray(), 1_790_000_000, 20, IncludeUsage: true)
            {
                Request = _responsesBody,
            });
        foreach (byte[] ev in _events)
        {
            _ = observer.Observe(ev, _passed, out _);
            _ = translator.Translate(ev, _output);
        }

        return _output.WrittenCount;
    }
}
