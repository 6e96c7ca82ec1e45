using System.Buffers;
using System.Text;

namespace Forebay.Emulator.Wire;

/// <summary>Why an answer ends.</summary>
internal enum AnswerEnd : byte
{
    Done,
    MaxTokens,
    StopSequence,
    ToolCall,
}

/// <summary>
/// The answer to a request, known before the engine starts: a tag made from the prompt and filler, or the arguments of
/// the forced tool. Token <c>i</c> is bytes <c>4i</c> to <c>4i + 3</c>; it is ASCII throughout. One that was begun
/// before goes on with the very bytes that would have followed; a token that was cut in two is made again, but only
/// what was missing of it is seen.
/// </summary>
internal sealed class Answer
{
    private const double MeanTokens = 200;

    /// <summary>Shorter answers would show nothing of a stream.</summary>
    private const int MinTokens = 16;

    /// <summary>Where the text differs from prompt to prompt.</summary>
    private const int TagBytes = 12;

    private readonly byte[] _head;
    private readonly ulong _seed;

    /// <summary>Bytes of the text that were there before.</summary>
    private readonly int _begun;

    private Answer(byte[] head, ulong seed, int begun = 0)
    {
        _head = head;
        _seed = seed;
        _begun = begun;
    }

    /// <summary>Tokens that the engine produces.</summary>
    public int Tokens { get; private init; }

    /// <summary>Bytes of text up to its end, counted from the first token; a stop sequence is not among them.
    /// </summary>
    public int Bytes { get; private init; }

    /// <summary>The first token, counted from the text's beginning.</summary>
    private int FirstToken => _begun / PromptText.BytesPerToken;

    public AnswerEnd End { get; private init; }

    /// <summary>The stop sequence that ended it.</summary>
    public string? StopSequence { get; private init; }

    /// <summary>The tool called; null for text.</summary>
    public string? Tool { get; private init; }

    /// <summary>
    /// Makes the answer.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="limit">Most tokens it may have, at least 1: by context window and model.</param>
    public static Answer For(ChatRequest request, int limit)
    {
        limit = Math.Min(limit, Math.Max(1, request.MaxTokens ?? int.MaxValue));
        return request.ForcedTool is (string tool, byte[] schema)
            ? CallOf(tool, ToolArguments.For(schema), limit)
            : TextOf(request, limit);
    }

    /// <summary>Appends bytes of the answer as they stand inside a JSON string.</summary>
    public void WriteJson(IBufferWriter<byte> writer, int fromByte, int toByte)
    {
        (fromByte, toByte) = InText(fromByte, toByte);
        while (fromByte < toByte)
        {
            ReadOnlySpan<byte> part = Part(fromByte, toByte);
            fromByte += part.Length;
            if (Tool is null)
            {
                writer.Write(part);
            }
            else
            {
                WriteEscaped(writer, part);
            }
        }
    }

    /// <summary>Appends bytes of the answer as they are.</summary>
    public void WriteRaw(IBufferWriter<byte> writer, int fromByte, int toByte)
    {
        (fromByte, toByte) = InText(fromByte, toByte);
        while (fromByte < toByte)
        {
            ReadOnlySpan<byte> part = Part(fromByte, toByte);
            fromByte += part.Length;
            writer.Write(part);
        }
    }

    /// <summary>How many bytes of the answer to a prompt an assistant message ends with.</summary>
    /// <param name="seed">The hash of the prompt.</param>
    /// <param name="message">The assistant's text so far, which may begin with other words.</param>
    public static int BegunBytes(ulong seed, ReadOnlySpan<byte> message)
    {
        byte[] tag = TagOf(seed);
        int start = message.LastIndexOf(tag);
        if (start >= 0)
        {
            var whole = new Answer(tag, seed) { Bytes = message.Length - start };
            var text = new ArrayBufferWriter<byte>(whole.Bytes);
            whole.WriteRaw(text, 0, whole.Bytes);
            return text.WrittenSpan.SequenceEqual(message[start..]) ? whole.Bytes : 0;
        }

        int begun = Math.Min(TagBytes - 1, message.Length);
        while (begun > 0 && !message.EndsWith(tag.AsSpan(0, begun)))
        {
            begun--;
        }

        return begun;
    }

    // Twelve bytes, three tokens: tells one answer from another.
    private static byte[] TagOf(ulong seed) => Encoding.ASCII.GetBytes($"({(uint)(seed >> 32):x8}): ");

    /// <summary>Where bytes counted from the first token stand in the text.</summary>
    private (int From, int To) InText(int fromByte, int toByte)
    {
        int first = FirstToken * PromptText.BytesPerToken;
        return (Math.Max(_begun, fromByte + first), Math.Min(toByte, Bytes) + first);
    }

    private static Answer CallOf(string tool, byte[] arguments, int limit)
    {
        int tokens = PromptText.TokensOf(arguments.Length);
        return new Answer(arguments, 0)
        {
            Tool = tool,
            Tokens = Math.Min(tokens, limit),
            Bytes = Math.Min(arguments.Length, limit * PromptText.BytesPerToken),
            End = tokens > limit ? AnswerEnd.MaxTokens : AnswerEnd.ToolCall,
        };
    }

    private static Answer TextOf(ChatRequest request, int limit)
    {
        int made = request.AnsweredBytes / PromptText.BytesPerToken;
        int wanted = request.IgnoreEos && request.OutputTokens is null
            ? limit
            : Math.Max(0, (request.OutputTokens ?? Math.Max(request.MinTokens ?? 1, Natural(request.Seed))) - made);
        bool cut = request.IgnoreEos && request.OutputTokens is null ? request.MaxTokens is not null : wanted > limit;
        int tokens = Math.Min(wanted, limit);
        var whole = new Answer(TagOf(request.Seed), request.Seed, request.AnsweredBytes)
        {
            Tokens = tokens,
            Bytes = tokens * PromptText.BytesPerToken,
            End = cut ? AnswerEnd.MaxTokens : AnswerEnd.Done,
        };
        return request.StopSequences.Length == 0 ? whole : whole.StoppedAt(request.StopSequences);
    }

    /// <summary>A length from an exponential distribution, the same for the same prompt, 16 to 2,048.</summary>
    private static int Natural(ulong seed)
    {
        double uniform = ((Mixing.Mix(seed, 3) >> 11) + 1) * (1.0 / ((1UL << 53) + 1));
        return (int)Math.Clamp(-Math.Log(uniform) * MeanTokens, MinTokens, 2048);
    }

    private Answer StoppedAt(byte[][] sequences)
    {
        var buffer = new ArrayBufferWriter<byte>(Math.Max(1, Bytes));
        WriteRaw(buffer, 0, Bytes);
        int cut = Bytes - buffer.WrittenCount;
        int first = int.MaxValue;
        byte[] found = [];
        foreach (byte[] sequence in sequences)
        {
            int at = buffer.WrittenSpan.IndexOf(sequence);
            if (at >= 0 && at < first)
            {
                (first, found) = (at, sequence);
            }
        }

        return first == int.MaxValue ? this : new Answer(_head, _seed, _begun)
        {
            Tokens = PromptText.TokensOf(cut + first + found.Length),
            Bytes = cut + first,
            End = AnswerEnd.StopSequence,
            StopSequence = Encoding.UTF8.GetString(found),
        };
    }

    private ReadOnlySpan<byte> Part(int fromByte, int toByte)
    {
        if (fromByte < _head.Length)
        {
            return _head.AsSpan(fromByte, Math.Min(toByte, _head.Length) - fromByte);
        }

        (int token, int within) = Math.DivRem(fromByte, PromptText.BytesPerToken);
        ReadOnlySpan<byte> slice = Filler.Slice(_seed, token, PromptText.TokensOf(toByte) - token);
        return slice[within..Math.Min(slice.Length, toByte - fromByte + within)];
    }

    private static void WriteEscaped(IBufferWriter<byte> writer, ReadOnlySpan<byte> ascii)
    {
        Span<byte> span = writer.GetSpan(ascii.Length * 2);
        int at = 0;
        foreach (byte b in ascii)
        {
            if (b is (byte)'"' or (byte)'\\')
            {
                span[at++] = (byte)'\\';
            }

            span[at++] = b;
        }

        writer.Advance(at);
    }
}
