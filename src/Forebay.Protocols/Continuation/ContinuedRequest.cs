using System.Buffers;
using Forebay.Protocols.Continuation;

namespace Forebay.Protocols;

/// <summary>
/// A request whose answer broke off, made into one that goes on with it: the same bytes with the text so far as the
/// last assistant message and fewer tokens to produce. White space at the text's end is left out, since some providers
/// refuse it there and some templates drop it: the answer that follows must begin with it, and loses it again.
/// </summary>
public sealed class ContinuedRequest
{
    private readonly RequestEdits _edits;
    private readonly byte[] _text;

    private ContinuedRequest(RequestEdits edits, byte[] text, int inkLength, long textTokens)
    {
        _edits = edits;
        _text = text;
        InkLength = inkLength;
        TextTokens = textTokens;
    }

    /// <summary>What forbids going on.</summary>
    public ContinuationBar Bar { get; private init; }

    /// <summary>The field of the request that forbids it, where one does.</summary>
    public string? Field { get; private init; }

    /// <summary>Tokens of the text that is sent, as far as they can be told without its tokenizer.</summary>
    public long TextTokens { get; }

    /// <summary>Tokens that may still be produced; null where the request sets no limit.</summary>
    public long? TokensLeft => _edits.MaxTokens - TextTokens;

    /// <summary>What the client has of the text and the request leaves out.</summary>
    public ReadOnlyMemory<byte> WhiteSpace => _text.AsMemory(InkLength);

    private int InkLength { get; }

    /// <summary>Finds out whether and how an answer can be gone on with. Cost: one pass over body and text.</summary>
    /// <param name="dialect">The client's dialect.</param>
    /// <param name="body">The client's body.</param>
    /// <param name="facts">What was read from it.</param>
    /// <param name="soFar">What the client has been sent.</param>
    /// <param name="rawText">The text of it, as <paramref name="soFar"/> put it together.</param>
    /// <param name="asksToContinue">Whether the request must say that its last message is gone on with.</param>
    public static ContinuedRequest Of(
        WireDialect dialect,
        ReadOnlySpan<byte> body,
        in RequestFacts facts,
        AnswerSoFar soFar,
        ReadOnlySpan<byte> rawText,
        bool asksToContinue)
    {
        var text = new ArrayBufferWriter<byte>(Math.Max(1, rawText.Length));
        if (soFar.Bar != ContinuationBar.None || !TextContent.TryDecode(rawText, text, out int inkRawEnd))
        {
            return Barred(soFar.Bar == ContinuationBar.None ? ContinuationBar.Character : soFar.Bar, null);
        }

        RequestEdits edits = RequestEdits.Read(dialect, body, facts, asksToContinue);
        if (edits.Bar == ContinuationBar.None && edits.MayBeginStop(text.WrittenSpan))
        {
            return Barred(ContinuationBar.StopSequence, null);
        }

        if (edits.Bar != ContinuationBar.None)
        {
            return Barred(edits.Bar, edits.Field);
        }

        int ink = TextContent.InkLength(text.WrittenSpan);
        long tokens = soFar.TextEventsWithin(inkRawEnd);
        if (!asksToContinue)
        {
            // Providers of the larger kind send several tokens in one event; four bytes are about one.
            tokens = Math.Max(tokens, ink / 4);
        }

        return new ContinuedRequest(edits, text.WrittenSpan.ToArray(), ink, ink == 0 ? 0 : tokens);
    }

    /// <summary>Writes the request.</summary>
    public void Write(ReadOnlySpan<byte> body, IBufferWriter<byte> output) => _edits.Write(
        body, _text.AsSpan(0, InkLength), InkLength == 0 ? _edits.MaxTokens : TokensLeft, output);

    private static ContinuedRequest Barred(ContinuationBar bar, string? field) =>
        new(new RequestEdits(), [], 0, 0) { Bar = bar, Field = field };
}
