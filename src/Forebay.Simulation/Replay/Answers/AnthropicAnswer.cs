using System.Buffers;
using System.Text.Json;

namespace Forebay.Simulation.Replay.Answers;

/// <summary>An Anthropic Messages stream. Every event is named, so only those with figures are parsed.</summary>
internal sealed class AnthropicAnswer : StreamedAnswer
{
    private long _uncached;
    private long _cacheRead;
    private long _cacheWrite;

    public override void Accept(ReadOnlySpan<byte> name, ReadOnlySpan<byte> data, long timestamp)
    {
        if (name.SequenceEqual("content_block_delta"u8))
        {
            MarkPiece(timestamp);
            if (Text is { } text)
            {
                KeepText(data, text);
            }
        }
        else if (name.SequenceEqual("message_start"u8) || name.SequenceEqual("message_delta"u8))
        {
            ReadUsageOf(data);
        }
        else if (name.SequenceEqual("message_stop"u8))
        {
            Ended = true;
        }
        else if (name.SequenceEqual("error"u8))
        {
            Error = ErrorEnvelope.Parse(data.ToArray()) ?? new ErrorEnvelope("error", ErrorEnvelope.Excerpt(data));
        }
    }

    private static void KeepText(ReadOnlySpan<byte> data, ArrayBufferWriter<byte> text)
    {
        // The delta's text is the only member of that name; thinking and tool input have others.
        var json = new Utf8JsonReader(data);
        while (json.Read())
        {
            if (json.TokenType == JsonTokenType.PropertyName && json.ValueTextEquals("text"u8) && json.Read()
                && json.TokenType == JsonTokenType.String)
            {
                text.Write(json.ValueSpan);
            }
        }
    }

    private void ReadUsageOf(ReadOnlySpan<byte> data)
    {
        var json = new Utf8JsonReader(data);
        while (json.Read())
        {
            if (json.TokenType == JsonTokenType.PropertyName && json.ValueTextEquals("usage"u8))
            {
                json.Read();
                if (json.TokenType == JsonTokenType.StartObject)
                {
                    ReadUsage(ref json, Take);
                }
            }
        }

        InputTokens = _uncached + _cacheRead + _cacheWrite;
        CachedInputTokens = _cacheRead;
    }

    private void Take(ReadOnlySpan<byte> member, long value)
    {
        if (member.SequenceEqual("input_tokens"u8))
        {
            _uncached = value;
        }
        else if (member.SequenceEqual("cache_read_input_tokens"u8))
        {
            _cacheRead = value;
        }
        else if (member.SequenceEqual("cache_creation_input_tokens"u8))
        {
            _cacheWrite = value;
        }
        else if (member.SequenceEqual("output_tokens"u8))
        {
            OutputTokens = value;
        }
    }
}
