using Forebay.Protocols.Json;

namespace Forebay.Protocols;

/// <summary>A chunk of an OpenAI stream, as far as going on with an answer needs it.</summary>
internal ref struct ChunkEvent
{
    public ByteRange Id;
    public ByteRange Created;
    public ByteRange Model;
    public ByteRange Fingerprint;

    /// <summary>The text of the first choice.</summary>
    public JsonString Text;

    /// <summary>The <c>role</c> member's value.</summary>
    public ByteRange Role;

    /// <summary>The <c>delta</c> object.</summary>
    public ByteRange Delta;

    /// <summary>The <c>usage</c> object.</summary>
    public ByteRange Usage;

    public bool HasStopped;

    /// <summary>What in it forbids going on after it.</summary>
    public ContinuationBar Bar;

    public readonly bool HasUsage => !Usage.IsEmpty;

    /// <summary>Whether it says who speaks and nothing else.</summary>
    public readonly bool IsRoleAlone => !Role.IsEmpty && Text.Length == 0 && !HasStopped && !HasUsage
        && Bar == ContinuationBar.None;

    public static ChunkEvent Read(ref JsonCursor cursor)
    {
        var chunk = default(ChunkEvent);
        Span<byte> scratch = stackalloc byte[24];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.Array && member.SequenceEqual("choices"u8))
            {
                chunk.ReadChoices(ref cursor);
                continue;
            }

            _ = cursor.ReadValue(out ByteRange value);
            if (kind == JsonKind.Object && member.SequenceEqual("usage"u8))
            {
                chunk.Usage = value;
            }
            else if (member.SequenceEqual("id"u8))
            {
                chunk.Id = value;
            }
            else if (member.SequenceEqual("created"u8))
            {
                chunk.Created = value;
            }
            else if (member.SequenceEqual("model"u8))
            {
                chunk.Model = value;
            }
            else if (member.SequenceEqual("system_fingerprint"u8))
            {
                chunk.Fingerprint = value;
            }
        }

        return chunk;
    }

    private void ReadChoices(ref JsonCursor cursor)
    {
        int choices = 0;
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextElement(ref first); choices++)
        {
            if (choices > 0 || cursor.Peek() != JsonKind.Object)
            {
                Forbid(ContinuationBar.Choices);
                _ = cursor.Skip();
            }
            else
            {
                ReadChoice(ref cursor);
            }
        }
    }

    private void ReadChoice(ref JsonCursor cursor)
    {
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.Object && member.SequenceEqual("delta"u8))
            {
                int start = cursor.Position;
                ReadDelta(ref cursor);
                Delta = ByteRange.Between(start, cursor.Position);
                continue;
            }

            bool isIndex = member.SequenceEqual("index"u8);
            bool isReason = member.SequenceEqual("finish_reason"u8);
            bool isProbabilities = member.SequenceEqual("logprobs"u8);
            _ = cursor.ReadValue(out ByteRange value);
            HasStopped |= isReason && kind == JsonKind.String;
            if (isIndex && !value.Of(cursor.Json).SequenceEqual("0"u8))
            {
                Forbid(ContinuationBar.Choices);
            }
            else if (isProbabilities && kind == JsonKind.Object)
            {
                Forbid(ContinuationBar.LogProbabilities);
            }
        }
    }

    private void ReadDelta(ref JsonCursor cursor)
    {
        Span<byte> scratch = stackalloc byte[24];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.String && member.SequenceEqual("content"u8))
            {
                _ = cursor.ReadString(out Text);
                continue;
            }

            bool isRole = member.SequenceEqual("role"u8);
            ContinuationBar bar = member.StartsWith("reasoning"u8) ? ContinuationBar.Thinking
                : member.SequenceEqual("tool_calls"u8) || member.SequenceEqual("function_call"u8)
                    ? ContinuationBar.ToolCall
                : ContinuationBar.Blocks;
            _ = cursor.ReadValue(out ByteRange value);
            if (isRole)
            {
                Role = value;
            }
            else if (kind != JsonKind.Null && value.Length > 2)
            {
                Forbid(bar);
            }
        }
    }

    private void Forbid(ContinuationBar bar) => Bar = Bar == ContinuationBar.None ? bar : Bar;
}

/// <summary>What every chunk of one answer says alike, as JSON; empty for what the first one did not say.</summary>
internal sealed class ChunkHead
{
    public byte[] Id { get; private init; } = [];

    public byte[] Created { get; private init; } = [];

    public byte[] Model { get; private init; } = [];

    public byte[] Fingerprint { get; private init; } = [];

    public static ChunkHead Of(ReadOnlySpan<byte> json, in ChunkEvent chunk) => new()
    {
        Id = chunk.Id.Of(json).ToArray(),
        Created = chunk.Created.Of(json).ToArray(),
        Model = chunk.Model.Of(json).ToArray(),
        Fingerprint = chunk.Fingerprint.Of(json).ToArray(),
    };
}
