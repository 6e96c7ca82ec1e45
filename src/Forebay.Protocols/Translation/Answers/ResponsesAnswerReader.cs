using System.Buffers;
using Forebay.Protocols.Json;

namespace Forebay.Protocols.Translation;

/// <summary>Reads a whole response of the Responses dialect. Items of a provider's own tools, which a translated
/// request cannot have asked for, are passed over.</summary>
internal ref struct ResponsesAnswerReader(ReadOnlySpan<byte> body)
{
    /// <summary>Most blocks of one answer.</summary>
    private const int MaxBlocks = 1024;

    private readonly ReadOnlySpan<byte> _body = body;
    private readonly CanonicalAnswer _answer = new();
    private UsageTally _tally;
    private bool _hasBadInput;
    private bool _hasRefusal;
    private bool _isFailed;

    /// <summary>Reads the answer. False where it failed, or where a tool is called with what is no JSON object though
    /// the answer was not cut: nobody could act on it.</summary>
    public static bool TryRead(ReadOnlySpan<byte> body, out CanonicalAnswer answer)
    {
        var reader = new ResponsesAnswerReader(body);
        reader.Read();
        answer = reader._answer;
        bool isCut = answer.Stop == StopReason.MaxTokens;
        return !reader._isFailed && (isCut || !reader._hasBadInput);
    }

    private void Read()
    {
        var cursor = new JsonCursor(_body, RequestReader.ByteOrderMarkLength(_body));
        Span<byte> scratch = stackalloc byte[20];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(_body, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.Array && member.SequenceEqual("output"u8))
            {
                ReadOutput(ref cursor);
            }
            else if (kind == JsonKind.Object && member.SequenceEqual("usage"u8))
            {
                _tally.ReadResponses(ref cursor);
            }
            else if (kind == JsonKind.Object && member.SequenceEqual("incomplete_details"u8))
            {
                _answer.Stop = AnswerWords.FromResponses(ResponsesItem.ReadOne(ref cursor, "reason"u8).Of(_body));
            }
            else if (kind == JsonKind.String && member.SequenceEqual("status"u8))
            {
                _isFailed = cursor.ReadString(out JsonString status) && status.Raw(_body).SequenceEqual("failed"u8);
            }
            else
            {
                _ = cursor.Skip();
            }
        }

        _answer.Stop = _hasRefusal && _answer.Stop == StopReason.EndTurn ? StopReason.Refusal
            : AnswerWords.Agreeing(_answer.Stop, _answer.HasToolUse);
        _answer.Usage = _tally.ToUsage();
        _answer.ReasoningTokens = _tally.Reasoning;
    }

    private void ReadOutput(ref JsonCursor cursor)
    {
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextElement(ref first);)
        {
            if (cursor.Peek() != JsonKind.Object || _answer.Blocks.Count > MaxBlocks)
            {
                _hasBadInput |= _answer.Blocks.Count > MaxBlocks;
                _ = cursor.Skip();
                continue;
            }

            ResponsesItem item = ResponsesItem.Read(ref cursor);
            switch (item.Kind)
            {
                case ResponsesItemKind.Message:
                    AddParts(item.Content, BlockKind.Text);
                    break;
                case ResponsesItemKind.Reasoning:
                    AddReasoning(item);
                    break;
                case ResponsesItemKind.Call:
                    AddCall(item);
                    break;
            }
        }
    }

    private void AddParts(ByteRange parts, BlockKind kind)
    {
        if (parts.IsEmpty)
        {
            return;
        }

        var cursor = new JsonCursor(_body, parts.Start);
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextElement(ref first);)
        {
            _answer.AddText(kind, ResponsesItem.ReadText(ref cursor, out bool isRefusal));
            _hasRefusal |= isRefusal;
        }
    }

    /// <summary>What is told of the reasoning, signed by what seals all of it.</summary>
    private void AddReasoning(in ResponsesItem item)
    {
        int before = _answer.Blocks.Count;
        AddParts(item.Content, BlockKind.Thinking);
        if (_answer.Blocks.Count == before)
        {
            AddParts(item.Summary, BlockKind.Thinking);
        }

        if (item.Seal.IsEmpty)
        {
            return;
        }

        if (_answer.Blocks.Count == before)
        {
            _answer.Blocks.Add(new CanonicalBlock { Kind = BlockKind.Thinking });
        }

        _answer.Blocks[^1] = _answer.Blocks[^1] with { Signature = item.Seal, Seal = SealKind.Responses };
    }

    private void AddCall(in ResponsesItem item)
    {
        ReadOnlySpan<byte> arguments = item.Arguments.Of(_body);
        bool isNothing = arguments.Trim((byte)' ').IsEmpty;
        bool good = isNothing || StringContent.IsObject(arguments, new ArrayBufferWriter<byte>());
        _hasBadInput |= !good;
        _answer.Blocks.Add(new CanonicalBlock
        {
            Kind = BlockKind.ToolUse,
            Id = item.CallId,
            Name = item.Name,
            Input = good && !isNothing ? item.Arguments : default,
            InputIsText = true,
        });
    }
}

internal enum ResponsesItemKind : byte
{
    Other,
    Message,
    Reasoning,
    Call,
}

/// <summary>An item of an answer, whole or as it begins in a stream.</summary>
internal struct ResponsesItem
{
    public ResponsesItemKind Kind;

    /// <summary>The array of its parts.</summary>
    public ByteRange Content;

    /// <summary>The array of what is told of reasoning.</summary>
    public ByteRange Summary;

    public ByteRange Seal;
    public ByteRange CallId;
    public ByteRange Name;
    public ByteRange Arguments;

    public static ResponsesItem Read(ref JsonCursor cursor)
    {
        var item = default(ResponsesItem);
        ReadOnlySpan<byte> json = cursor.Json;
        Span<byte> scratch = stackalloc byte[20];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(json, scratch);
            JsonKind kind = cursor.Peek();
            if (!cursor.ReadValue(out ByteRange value))
            {
                break;
            }

            if (kind == JsonKind.Array)
            {
                item.Content = member.SequenceEqual("content"u8) ? value : item.Content;
                item.Summary = member.SequenceEqual("summary"u8) ? value : item.Summary;
            }
            else if (kind == JsonKind.String)
            {
                item.Set(member, new ByteRange(value.Start + 1, value.Length - 2), json);
            }
        }

        return item;
    }

    /// <summary>The text of one part, between its quotes; empty for other parts.</summary>
    public static ByteRange ReadText(ref JsonCursor cursor, out bool isRefusal)
    {
        ByteRange found = default;
        isRefusal = false;
        if (cursor.Peek() != JsonKind.Object)
        {
            _ = cursor.Skip();
            return found;
        }

        Span<byte> scratch = stackalloc byte[12];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            bool refuses = member.SequenceEqual("refusal"u8);
            if (cursor.Peek() == JsonKind.String
                && (refuses || member.SequenceEqual("text"u8))
                && cursor.ReadString(out JsonString text))
            {
                found = new ByteRange(text.Start, text.Length);
                isRefusal |= refuses;
            }
            else
            {
                _ = cursor.Skip();
            }
        }

        return found;
    }

    /// <summary>One member of the object that stands next, if it is a string: between its quotes.</summary>
    public static ByteRange ReadOne(ref JsonCursor cursor, ReadOnlySpan<byte> wanted)
    {
        ByteRange found = default;
        Span<byte> scratch = stackalloc byte[12];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            bool isIt = name.Keyword(cursor.Json, scratch).SequenceEqual(wanted);
            if (isIt && cursor.Peek() == JsonKind.String && cursor.ReadString(out JsonString text))
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

    private void Set(scoped ReadOnlySpan<byte> member, ByteRange content, ReadOnlySpan<byte> json)
    {
        if (member.SequenceEqual("type"u8))
        {
            ReadOnlySpan<byte> word = content.Of(json);
            Kind = word.SequenceEqual("message"u8) ? ResponsesItemKind.Message
                : word.SequenceEqual("reasoning"u8) ? ResponsesItemKind.Reasoning
                : word.SequenceEqual("function_call"u8) ? ResponsesItemKind.Call
                : ResponsesItemKind.Other;
        }
        else if (member.SequenceEqual("call_id"u8))
        {
            CallId = content;
        }
        else if (member.SequenceEqual("name"u8))
        {
            Name = content;
        }
        else if (member.SequenceEqual("arguments"u8))
        {
            Arguments = content;
        }
        else if (member.SequenceEqual("encrypted_content"u8))
        {
            Seal = content;
        }
    }
}
