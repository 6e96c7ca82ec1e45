using Forebay.Emulator.Wire;

namespace Forebay.Emulator.Http;

/// <summary>What a writer needs to know of one request and its answer.</summary>
/// <param name="Id">The request's number within its deployment.</param>
/// <param name="Model">The model's name as served.</param>
/// <param name="CreatedUnixSeconds">When it was taken in.</param>
/// <param name="Request">As read.</param>
/// <param name="Answer">What is answered.</param>
internal sealed record AnswerContext(
    string Id, string Model, long CreatedUnixSeconds, ChatRequest Request, Answer Answer)
{
    /// <summary>Prompt tokens read from the cache; known with the first token.</summary>
    public int CachedTokens { get; set; }

    /// <summary>Tokens that usage reports: none where the caller only warmed the cache.</summary>
    public int OutputTokens => Request.MaxTokens == 0 ? 0 : Answer.Tokens;
}

/// <summary>One dialect's way to write an answer. Each method writes whole events.</summary>
internal interface IAnswerWriter
{
    /// <summary>The events before the first token; the cached tokens are known.</summary>
    void Begin(EventSink sink);

    /// <summary>One event with the text from token <paramref name="from"/> to before token <paramref name="to"/>.
    /// </summary>
    void Tokens(EventSink sink, int from, int to);

    /// <summary>The events after the last token.</summary>
    void End(EventSink sink);

    /// <summary>The whole answer as one JSON document.</summary>
    void Whole(System.Buffers.IBufferWriter<byte> buffer);

    /// <summary>The first half of an event, for the fault of that name.</summary>
    ReadOnlySpan<byte> HalfEvent { get; }
}
