using System.Buffers;
using System.Text.Json;

namespace Forebay.Simulation.Replay.Answers;

/// <summary>An OpenAI chat completion stream: unnamed chunks, then <c>[DONE]</c>.</summary>
internal sealed class OpenAiAnswer : StreamedAnswer
{
    public override void Accept(ReadOnlySpan<byte> name, ReadOnlySpan<byte> data, long timestamp)
    {
        if (data.SequenceEqual("[DONE]"u8))
        {
            Ended = true;
            return;
        }

        // Walks the top level only; a chunk is a few hundred bytes, and most of them are one content delta.
        var json = new Utf8JsonReader(data);
        json.Read();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            bool choices = json.ValueTextEquals("choices"u8);
            bool usage = json.ValueTextEquals("usage"u8);
            bool error = json.ValueTextEquals("error"u8);
            json.Read();
            if (choices && HasContent(ref json, Text))
            {
                MarkPiece(timestamp);
            }
            else if (usage && json.TokenType == JsonTokenType.StartObject)
            {
                ReadUsage(ref json, Take);
            }
            else if (error && json.TokenType == JsonTokenType.StartObject)
            {
                Error = ErrorEnvelope.Parse(data.ToArray()) ?? new ErrorEnvelope("error", ErrorEnvelope.Excerpt(data));
                return;
            }
            else
            {
                json.Skip();
            }
        }
    }

    /// <summary>True when some choice's delta holds text, reasoning or a tool call; text goes to the writer. Leaves the
    /// reader at the end of the choices.</summary>
    private static bool HasContent(ref Utf8JsonReader json, IBufferWriter<byte>? text)
    {
        if (json.TokenType != JsonTokenType.StartArray)
        {
            return false;
        }

        bool found = false;
        int depth = json.CurrentDepth;
        while (json.Read() && json.CurrentDepth > depth)
        {
            bool content = json.TokenType == JsonTokenType.PropertyName && json.ValueTextEquals("content"u8);
            if (content || (json.TokenType == JsonTokenType.PropertyName
                && (json.ValueTextEquals("reasoning_content"u8) || json.ValueTextEquals("tool_calls"u8))))
            {
                json.Read();
                if (content && json.TokenType == JsonTokenType.String)
                {
                    text?.Write(json.ValueSpan);
                }

                found |= json.TokenType == JsonTokenType.StartArray
                    || (json.TokenType == JsonTokenType.String && json.ValueSpan.Length > 0);
            }
        }

        return found;
    }

    private void Take(ReadOnlySpan<byte> member, long value)
    {
        if (member.SequenceEqual("prompt_tokens"u8))
        {
            InputTokens = value;
        }
        else if (member.SequenceEqual("cached_tokens"u8))
        {
            CachedInputTokens = value;
        }
        else if (member.SequenceEqual("completion_tokens"u8))
        {
            OutputTokens = value;
        }
    }
}
