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
/// the forced tool. Token <c>i</c> is bytes <c>4i</c> to <c>4i + 3</c>; it is ASCII throughout.
/// </summary>
internal sealed class Answer
{
    private const double MeanTokens = 200;

    /// <summary>Shorter answers would show nothing of a stream.</summary>
    private const int MinTokens = 16;

    private readonly byte[] _head;
    private readonly ulong _seed;

    private Answer(byte[] head, ulong seed)
    {
        _head = head;
        _seed = seed;
    }

    /// <summary>Tokens that the engine produces.</summary>
    public int Tokens { get; private init; }

    /// <summary>Bytes of text that the client sees; a stop sequence is not among them.</summary>
    public int Bytes { get; private init; }

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
        toByte = Math.Min(toByte, Bytes);
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
        toByte = Math.Min(toByte, Bytes);
        while (fromByte < toByte)
        {
            ReadOnlySpan<byte> part = Part(fromByte, toByte);
            fromByte += part.Length;
            writer.Write(part);
        }
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
        int wanted = request.OutputTokens
            ?? (request.IgnoreEos ? limit : Math.Max(request.MinTokens ?? 1, Natural(request.Seed)));
        bool cut = request.IgnoreEos && request.OutputTokens is null ? request.MaxTokens is not null : wanted > limit;
        int tokens = Math.Min(wanted, limit);

        // Twelve bytes, three tokens: tells one answer from another.
        byte[] tag = Encoding.ASCII.GetBytes($"({(uint)(request.Seed >> 32):x8}): ");
        var whole = new Answer(tag, request.Seed)
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
        var buffer = new ArrayBufferWriter<byte>(Bytes);
        WriteRaw(buffer, 0, Bytes);
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

        return first == int.MaxValue ? this : new Answer(_head, _seed)
        {
            Tokens = PromptText.TokensOf(first + found.Length),
            Bytes = first,
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
