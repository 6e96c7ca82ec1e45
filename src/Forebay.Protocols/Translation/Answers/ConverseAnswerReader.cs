using Forebay.Protocols.Json;

namespace Forebay.Protocols.Translation;

/// <summary>Reads a whole answer of Converse.</summary>
internal ref struct ConverseAnswerReader(ReadOnlySpan<byte> body)
{
    private readonly ReadOnlySpan<byte> _body = body;
    private readonly CanonicalAnswer _answer = new();
    private UsageTally _tally;
    private bool _isMalformed;

    /// <summary>Reads the answer. False where the model's output was malformed: nobody could act on it.</summary>
    public static bool TryRead(ReadOnlySpan<byte> body, out CanonicalAnswer answer)
    {
        var reader = new ConverseAnswerReader(body);
        reader.Read();
        answer = reader._answer;
        return !reader._isMalformed;
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
            if (kind == JsonKind.Object && member.SequenceEqual("output"u8))
            {
                ReadWithin(ref cursor, "message"u8);
            }
            else if (kind == JsonKind.Object && member.SequenceEqual("usage"u8))
            {
                _tally.ReadConverse(ref cursor);
            }
            else if (kind == JsonKind.String && member.SequenceEqual("stopReason"u8))
            {
                _ = cursor.ReadString(out JsonString word);
                _answer.Stop = AnswerWords.FromConverse(word.Raw(_body));
                _isMalformed = AnswerWords.IsMalformed(word.Raw(_body));
            }
            else
            {
                _ = cursor.Skip();
            }
        }

        _answer.Stop = AnswerWords.Agreeing(_answer.Stop, _answer.HasToolUse);
        _answer.Usage = _tally.ToUsage();
    }

    /// <summary>Goes down <c>message</c>, then <c>content</c>.</summary>
    private void ReadWithin(ref JsonCursor cursor, ReadOnlySpan<byte> wanted)
    {
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            bool isWanted = name.Keyword(_body, scratch).SequenceEqual(wanted);
            JsonKind kind = cursor.Peek();
            if (isWanted && kind == JsonKind.Object)
            {
                ReadWithin(ref cursor, "content"u8);
            }
            else if (isWanted && kind == JsonKind.Array)
            {
                ReadBlocks(ref cursor);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    private void ReadBlocks(ref JsonCursor cursor)
    {
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextElement(ref first);)
        {
            if (cursor.Peek() == JsonKind.Object)
            {
                ReadBlock(ref cursor);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    private readonly void ReadBlock(ref JsonCursor cursor)
    {
        Span<byte> scratch = stackalloc byte[20];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(_body, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.String && member.SequenceEqual("text"u8))
            {
                _ = cursor.ReadString(out JsonString text);
                _answer.AddText(BlockKind.Text, new ByteRange(text.Start, text.Length));
            }
            else if (kind == JsonKind.Object && member.SequenceEqual("toolUse"u8))
            {
                ConverseToolUse call = ConverseToolUse.Read(ref cursor);
                _answer.Blocks.Add(new CanonicalBlock
                {
                    Kind = BlockKind.ToolUse,
                    Id = call.Id,
                    Name = call.Name,
                    Input = call.IsObject ? call.Input : default,
                });
            }
            else if (kind == JsonKind.Object && member.SequenceEqual("reasoningContent"u8))
            {
                ReadReasoning(ref cursor);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    /// <summary><c>reasoningText</c> with its text and signature; sealed reasoning has nothing to show.</summary>
    private readonly void ReadReasoning(ref JsonCursor cursor)
    {
        var block = new CanonicalBlock { Kind = BlockKind.Thinking };
        ReadReasoningText(ref cursor, ref block, isWithin: false);
        if (!block.Text.IsEmpty || !block.Signature.IsEmpty)
        {
            _answer.Blocks.Add(block);
        }
    }

    private readonly void ReadReasoningText(ref JsonCursor cursor, ref CanonicalBlock block, bool isWithin)
    {
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(_body, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.Object && !isWithin && member.SequenceEqual("reasoningText"u8))
            {
                ReadReasoningText(ref cursor, ref block, isWithin: true);
            }
            else if (kind == JsonKind.String && isWithin && cursor.ReadString(out JsonString said))
            {
                var range = new ByteRange(said.Start, said.Length);
                block.Text = member.SequenceEqual("text"u8) ? range : block.Text;
                block.Signature = member.SequenceEqual("signature"u8) ? range : block.Signature;
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }
}

/// <summary>A tool call of Converse, whole or in a stream.</summary>
internal ref struct ConverseToolUse
{
    public ByteRange Id;
    public ByteRange Name;

    /// <summary>An object, or in a stream a piece of the text of one.</summary>
    public ByteRange Input;
    public bool IsObject;

    public static ConverseToolUse Read(ref JsonCursor cursor)
    {
        var call = default(ConverseToolUse);
        ReadOnlySpan<byte> json = cursor.Json;
        Span<byte> scratch = stackalloc byte[12];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(json, scratch);
            JsonKind kind = cursor.Peek();
            if (!cursor.ReadValue(out ByteRange value))
            {
                break;
            }

            ByteRange inner = kind == JsonKind.String ? new ByteRange(value.Start + 1, value.Length - 2) : default;
            if (member.SequenceEqual("toolUseId"u8))
            {
                call.Id = inner;
            }
            else if (member.SequenceEqual("name"u8))
            {
                call.Name = inner;
            }
            else if (member.SequenceEqual("input"u8))
            {
                call.IsObject = kind == JsonKind.Object;
                call.Input = call.IsObject ? value : inner;
            }
        }

        return call;
    }
}
