using Forebay.Protocols.Json;

namespace Forebay.Protocols.Continuation;

/// <summary>Puts the whole answer's counts in place of the last part's.</summary>
internal static class UsageEdits
{
    /// <summary>Anthropic: the <c>usage</c> of a <c>message_delta</c>.</summary>
    public static void Anthropic(ReadOnlySpan<byte> ev, ByteRange usage, in WireUsage whole, JsonEdits edits)
    {
        var cursor = new JsonCursor(ev[..usage.End], usage.Start);
        Span<byte> scratch = stackalloc byte[32];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(ev, scratch);
            JsonKind kind = cursor.Peek();
            _ = cursor.ReadValue(out ByteRange value);
            long? count = member switch
            {
                _ when kind != JsonKind.Number => null,
                _ when member.SequenceEqual("input_tokens"u8) => whole.Input,
                _ when member.SequenceEqual("cache_read_input_tokens"u8) => whole.CacheRead,
                _ when member.SequenceEqual("cache_creation_input_tokens"u8) => whole.CacheWrite,
                _ when member.SequenceEqual("output_tokens"u8) => whole.Output,
                _ => null,
            };
            if (count is { } number)
            {
                edits.Replace(value, number);
            }
        }
    }

    /// <summary>OpenAI: the <c>usage</c> of a chunk, and the details within.</summary>
    public static void OpenAi(ReadOnlySpan<byte> ev, ByteRange usage, in WireUsage whole, JsonEdits edits)
    {
        long prompt = whole.Input + whole.CacheRead + whole.CacheWrite;
        var cursor = new JsonCursor(ev[..usage.End], usage.Start);
        Span<byte> scratch = stackalloc byte[32];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(ev, scratch);
            JsonKind kind = cursor.Peek();
            _ = cursor.ReadValue(out ByteRange value);
            if (kind == JsonKind.Object && member.SequenceEqual("prompt_tokens_details"u8))
            {
                OpenAi(ev, value, whole, edits);
                continue;
            }

            long? count = member switch
            {
                _ when kind != JsonKind.Number => null,
                _ when member.SequenceEqual("prompt_tokens"u8) => prompt,
                _ when member.SequenceEqual("completion_tokens"u8) => whole.Output,
                _ when member.SequenceEqual("total_tokens"u8) => prompt + whole.Output,
                _ when member.SequenceEqual("cached_tokens"u8) => whole.CacheRead,
                _ when member.SequenceEqual("cache_write_tokens"u8) => whole.CacheWrite,
                _ => null,
            };
            if (count is { } number)
            {
                edits.Replace(value, number);
            }
        }
    }
}
