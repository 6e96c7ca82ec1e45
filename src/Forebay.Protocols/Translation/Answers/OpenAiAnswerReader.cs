using System.Buffers;
using Forebay.Protocols.Json;

namespace Forebay.Protocols.Translation;

/// <summary>Reads a whole OpenAI chat completion: its first choice, which is the only one asked for.</summary>
internal ref struct OpenAiAnswerReader(ReadOnlySpan<byte> body)
{
    private readonly ReadOnlySpan<byte> _body = body;
    private readonly CanonicalAnswer _answer = new();
    private UsageTally _tally;
    private bool _isCut;
    /// <summary>Most blocks of one answer.</summary>
    private const int MaxBlocks = 1024;

    private bool _hasBadInput;
    private bool _hasRefusal;

    /// <summary>Reads the answer. False where a tool is called with what is no JSON object, though the answer was not
    /// cut: nobody could act on it.</summary>
    public static bool TryRead(ReadOnlySpan<byte> body, out CanonicalAnswer answer)
    {
        var reader = new OpenAiAnswerReader(body);
        reader.Read();
        answer = reader._answer;
        return reader._isCut || !reader._hasBadInput;
    }

    private void Read()
    {
        var cursor = new JsonCursor(_body, RequestReader.ByteOrderMarkLength(_body));
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(_body, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.Array && member.SequenceEqual("choices"u8))
            {
                ReadChoices(ref cursor);
            }
            else if (kind == JsonKind.Object && member.SequenceEqual("usage"u8))
            {
                _tally.ReadOpenAi(ref cursor);
            }
            else
            {
                _ = cursor.Skip();
            }
        }

        _answer.Usage = _tally.ToUsage();
        _answer.ReasoningTokens = _tally.Reasoning;
    }

    private void ReadChoices(ref JsonCursor cursor)
    {
        bool taken = false;
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextElement(ref first);)
        {
            if (taken || cursor.Peek() != JsonKind.Object)
            {
                _ = cursor.Skip();
                continue;
            }

            taken = true;
            ReadChoice(ref cursor);
        }
    }

    private void ReadChoice(ref JsonCursor cursor)
    {
        ByteRange matched = default;
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(_body, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.Object && member.SequenceEqual("message"u8))
            {
                ReadMessage(ref cursor);
            }
            else if (kind == JsonKind.String && member.SequenceEqual("finish_reason"u8))
            {
                _ = cursor.ReadString(out JsonString word);
                _answer.Stop = AnswerWords.FromOpenAi(word.Raw(_body));
                _hasBadInput |= AnswerWords.IsBrokenOff(word.Raw(_body));
            }
            else if (kind == JsonKind.String && OpenAiWords.IsMatchedStop(member))
            {
                _ = cursor.ReadString(out JsonString word);
                matched = new ByteRange(word.Start, word.Length);
            }
            else
            {
                _ = cursor.Skip();
            }
        }

        _isCut = _answer.Stop == StopReason.MaxTokens;
        if (!matched.IsEmpty && _answer.Stop == StopReason.EndTurn)
        {
            _answer.Stop = StopReason.StopSequence;
            _answer.StopSequence = matched;
        }

        _answer.Stop = _hasRefusal && _answer.Stop == StopReason.EndTurn ? StopReason.Refusal
            : AnswerWords.Agreeing(_answer.Stop, _answer.HasToolUse);
        _answer.StopSequence = _answer.Stop == StopReason.StopSequence ? _answer.StopSequence : default;
    }

    private void ReadMessage(ref JsonCursor cursor)
    {
        ByteRange content = default;
        ByteRange refusal = default;
        ByteRange reasoning = default;
        ByteRange calls = default;
        ByteRange texts = default;
        Span<byte> scratch = stackalloc byte[20];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(_body, scratch);
            JsonKind kind = cursor.Peek();
            if (!cursor.ReadValue(out ByteRange value))
            {
                return;
            }

            if (kind == JsonKind.Array && member.SequenceEqual("tool_calls"u8))
            {
                calls = value;
            }
            else if (kind == JsonKind.Array && member.SequenceEqual("content"u8))
            {
                texts = value;
            }
            else if (kind == JsonKind.String)
            {
                ByteRange inner = new(value.Start + 1, value.Length - 2);
                content = member.SequenceEqual("content"u8) ? inner : content;
                refusal = member.SequenceEqual("refusal"u8) ? inner : refusal;
                reasoning = OpenAiWords.IsReasoning(member) && reasoning.IsEmpty ? inner : reasoning;
            }
        }

        _hasRefusal = !refusal.IsEmpty;
        _answer.AddText(BlockKind.Thinking, reasoning);
        _answer.AddText(BlockKind.Text, content);
        ReadTexts(texts);
        _answer.AddText(BlockKind.Text, refusal);
        ReadCalls(calls);
    }

    /// <summary>Text in parts, as some engines that reason send it.</summary>
    private void ReadTexts(ByteRange parts)
    {
        if (parts.IsEmpty)
        {
            return;
        }

        var cursor = new JsonCursor(_body, parts.Start);
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextElement(ref first);)
        {
            _answer.AddText(BlockKind.Text, OpenAiWords.TextOf(ref cursor));
        }
    }

    /// <summary>What engines send for a tool that takes nothing.</summary>
    private static bool IsNothing(ReadOnlySpan<byte> arguments) =>
        arguments.Trim((byte)' ') is var trimmed && (trimmed.IsEmpty || trimmed.SequenceEqual("null"u8));

    private void ReadCalls(ByteRange calls)
    {
        if (calls.IsEmpty)
        {
            return;
        }

        var cursor = new JsonCursor(_body, calls.Start);
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextElement(ref first);)
        {
            if (cursor.Peek() != JsonKind.Object)
            {
                _ = cursor.Skip();
                continue;
            }

            OpenAiCall call = OpenAiCall.Read(ref cursor);
            var block = new CanonicalBlock { Kind = BlockKind.ToolUse, Id = call.Id, Name = call.Name };
            if (_answer.Blocks.Count > MaxBlocks)
            {
                _hasBadInput = true;
                return;
            }

            if (call.IsText && !IsNothing(call.Arguments.Of(_body)))
            {
                bool good = StringContent.IsObject(call.Arguments.Of(_body), new ArrayBufferWriter<byte>());
                _hasBadInput |= !good;
                block.Input = good ? call.Arguments : default;
                block.InputIsText = true;
            }
            else if (!call.IsText)
            {
                block.Input = call.Arguments;
            }

            _answer.Blocks.Add(block);
        }
    }
}

/// <summary>Words that engines of the OpenAI dialect do not agree on.</summary>
internal static class OpenAiWords
{
    /// <summary>Where the text of one part of a content array stands, between its quotes; empty for other parts.
    /// </summary>
    public static ByteRange TextOf(ref JsonCursor cursor)
    {
        ByteRange found = default;
        if (cursor.Peek() != JsonKind.Object)
        {
            _ = cursor.Skip();
            return found;
        }

        Span<byte> scratch = stackalloc byte[8];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            if (cursor.Peek() == JsonKind.String
                && name.Keyword(cursor.Json, scratch).SequenceEqual("text"u8)
                && cursor.ReadString(out JsonString text))
            {
                found = new ByteRange(text.Start, text.Length);
            }
            else
            {
                _ = cursor.Skip();
            }
        }

        return found;
    }

    public static bool IsReasoning(ReadOnlySpan<byte> member) =>
        member.SequenceEqual("reasoning_content"u8) || member.SequenceEqual("reasoning"u8);

    /// <summary>Where an engine says which stop sequence was met: vLLM, SGLang.</summary>
    public static bool IsMatchedStop(ReadOnlySpan<byte> member) =>
        member.SequenceEqual("stop_reason"u8) || member.SequenceEqual("matched_stop"u8);
}

/// <summary>A tool call of an answer, or a piece of one in a stream.</summary>
internal ref struct OpenAiCall
{
    /// <summary>Its place among the calls; null where not said.</summary>
    public int? Index;
    public ByteRange Id;
    public ByteRange Name;

    /// <summary>Content of the string of arguments, or the object that some engines send in its place.</summary>
    public ByteRange Arguments;
    public bool IsText;

    public static OpenAiCall Read(ref JsonCursor cursor)
    {
        var call = new OpenAiCall { IsText = true };
        ReadOnlySpan<byte> json = cursor.Json;
        Span<byte> scratch = stackalloc byte[12];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(json, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.Object && member.SequenceEqual("function"u8))
            {
                ReadFunction(ref cursor, ref call);
            }
            else if (kind == JsonKind.Number
                && member.SequenceEqual("index"u8)
                && cursor.ReadValue(out ByteRange index))
            {
                bool whole = JsonText.TryGetWhole(index.Of(json), out long place) && place is >= 0 and < 1_000_000;
                call.Index = whole ? (int)place : null;
            }
            else if (kind == JsonKind.String && member.SequenceEqual("id"u8) && cursor.ReadString(out JsonString id))
            {
                call.Id = new ByteRange(id.Start, id.Length);
            }
            else
            {
                _ = cursor.Skip();
            }
        }

        return call;
    }

    private static void ReadFunction(ref JsonCursor cursor, ref OpenAiCall call)
    {
        ReadOnlySpan<byte> json = cursor.Json;
        Span<byte> scratch = stackalloc byte[12];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(json, scratch);
            JsonKind kind = cursor.Peek();
            if (!cursor.ReadValue(out ByteRange value))
            {
                return;
            }

            ByteRange inner = kind == JsonKind.String ? new ByteRange(value.Start + 1, value.Length - 2) : value;
            if (kind == JsonKind.String && member.SequenceEqual("name"u8))
            {
                call.Name = inner;
            }
            else if (kind is JsonKind.String or JsonKind.Object && member.SequenceEqual("arguments"u8))
            {
                call.Arguments = inner;
                call.IsText = kind == JsonKind.String;
            }
        }
    }
}
