using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Forebay.Protocols;
using Xunit;

namespace Forebay.UnitTests.Protocols.Translation;

/// <summary>Runs the translators on text.</summary>
internal static class Translate
{
    public const int MaxOutputTokens = 4096;

    public static AnswerFrame Frame(bool includeUsage = true) =>
        new("0123456789abcdef", "\"atlas\""u8.ToArray(), 1_760_000_000, 42, includeUsage);

    public static WireDialect Other(WireDialect dialect) =>
        dialect == WireDialect.Anthropic ? WireDialect.OpenAi : WireDialect.Anthropic;

    public static (string Body, RequestTranslation Result) Request(
        WireDialect from, string body, WireDialect? target = null) =>
        Request(from, Encoding.UTF8.GetBytes(body), target);

    public static (string Body, RequestTranslation Result) Request(
        WireDialect from, byte[] body, WireDialect? target = null)
    {
        WireDialect to = target ?? Other(from);
        Assert.True(
            RequestReader.TryRead(from, body, false, out RequestFacts facts, out RequestProblem problem), problem.Message);
        var output = new ArrayBufferWriter<byte>();
        RequestTranslation result = RequestTranslator.Translate(
            from, to, body, in facts, MaxOutputTokens, output);
        string text = Encoding.UTF8.GetString(output.WrittenSpan);
        if (result.Problems.Count == 0 && to != WireDialect.Converse)
        {
            Assert.Equal(facts.ModelValue.Of(body), result.Facts.ModelValue.Of(output.WrittenSpan));
            Assert.True(
                RequestReader.TryRead(to, output.WrittenSpan, false, out _, out problem), problem.Message + text);
        }

        return (text, result);
    }

    public static string? Answer(WireDialect from, string body, WireDialect? to = null) =>
        Answer(from, Encoding.UTF8.GetBytes(body), to);

    public static string? Answer(WireDialect from, byte[] body, WireDialect? to = null, AnswerFrame? frame = null)
    {
        var output = new ArrayBufferWriter<byte>();
        return AnswerTranslator.TryTranslate(from, to ?? Other(from), body, frame ?? Frame(), output)
            ? Encoding.UTF8.GetString(output.WrittenSpan)
            : null;
    }

    /// <summary>What the client gets of a stream, as the gateway relays it; cut into pieces where a generator is given.
    /// Ends early where the observer finds the stream wanting.</summary>
    public static string Stream(
        WireDialect from, WireDialect to, byte[] stream, Random? cuts, bool includeUsage = true) =>
        Stream(from, stream, cuts, includeUsage, to);

    /// <inheritdoc cref="Stream(WireDialect, WireDialect, byte[], Random?, bool)"/>
    public static string Stream(
        WireDialect from,
        byte[] stream,
        Random? cuts = null,
        bool includeUsage = true,
        WireDialect? to = null,
        AnswerFrame? frame = null)
    {
        var observer = new StreamObserver(from, default);
        var translator = new StreamTranslator(from, to ?? Other(from), observer, frame ?? Frame(includeUsage));
        var sent = new ArrayBufferWriter<byte>();
        var ignored = new ArrayBufferWriter<byte>();
        int start = 0;
        for (int end = 0; end < stream.Length;)
        {
            end = cuts is null ? stream.Length : Math.Min(stream.Length, end + cuts.Next(1, 60));
            while (SseFraming.TryReadEvent(stream.AsSpan(start..end), 0, end == stream.Length, out int length))
            {
                ReadOnlySpan<byte> ev = stream.AsSpan(start, length);
                start += length;
                ignored.ResetWrittenCount();
                StreamEventKind kind = observer.Observe(ev, ignored, out _);
                if (kind is StreamEventKind.Error or StreamEventKind.Malformed)
                {
                    return Encoding.UTF8.GetString(sent.WrittenSpan);
                }

                Assert.True(translator.Translate(ev, sent));
                Assert.True(sent.WrittenCount == 0 || sent.WrittenSpan.EndsWith("\n\n"u8));
            }
        }

        return Encoding.UTF8.GetString(sent.WrittenSpan);
    }

    public static string Stream(WireDialect from, params string[] events) =>
        Stream(from, Encoding.UTF8.GetBytes(string.Concat(events)));

    /// <summary>The data of a stream's events, as JSON; <c>[DONE]</c> as a string.</summary>
    public static List<JsonNode> DataOf(string stream) =>
    [
        .. stream.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)
            .SelectMany(e => e.Split('\n'))
            .Where(l => l.StartsWith("data: ", StringComparison.Ordinal))
            .Select(l => l == "data: [DONE]" ? "[DONE]" : JsonNode.Parse(l[6..])!),
    ];

    public static void Same(string expected, string actual) => Assert.True(
        JsonNode.DeepEquals(JsonNode.Parse(expected), JsonNode.Parse(actual)), $"expected {expected}\nactual   {actual}");
}
