using System.Buffers;
using System.Text.Json;

namespace Forebay.Simulation.Replay.Answers;

/// <summary>What the events of one streamed answer add up to.</summary>
internal abstract class StreamedAnswer
{
    /// <summary>When the first piece of the answer arrived; null before.</summary>
    public long? FirstPieceAt { get; private set; }

    /// <summary>When the last piece of the answer arrived so far.</summary>
    public long LastPieceAt { get; private set; }

    /// <summary>The whole prompt, cached parts included, as the server counts it; 0 until it says.</summary>
    public long InputTokens { get; protected set; }

    /// <summary>What of the prompt was read from a prefix cache; 0 until it says.</summary>
    public long CachedInputTokens { get; protected set; }

    /// <summary>The answer, as the server counts it; 0 until it says.</summary>
    public long OutputTokens { get; protected set; }

    /// <summary>The stream came to its proper end.</summary>
    public bool Ended { get; protected set; }

    /// <summary>The failure that the stream told of, or null.</summary>
    public ErrorEnvelope? Error { get; protected set; }

    /// <summary>The answer's text as it stands inside a JSON string; null where it is not kept.</summary>
    public ArrayBufferWriter<byte>? Text { get; private init; }

    /// <param name="dialect">Wire format.</param>
    /// <param name="keepText">Whether to keep the answer's text, for the next turn of its conversation.</param>
    public static StreamedAnswer Of(ReplayDialect dialect, bool keepText)
    {
        ArrayBufferWriter<byte>? text = keepText ? new() : null;
        return dialect == ReplayDialect.Anthropic
            ? new AnthropicAnswer { Text = text }
            : new OpenAiAnswer { Text = text };
    }

    /// <summary>Takes in one event that arrived at a timestamp of the run's clock.</summary>
    /// <exception cref="JsonException">The event's data is not what the dialect says.</exception>
    public abstract void Accept(ReadOnlySpan<byte> name, ReadOnlySpan<byte> data, long timestamp);

    protected void MarkPiece(long timestamp)
    {
        FirstPieceAt ??= timestamp;
        LastPieceAt = timestamp;
    }

    /// <summary>Reads an object's integer members and those of its prompt details; others are skipped.</summary>
    protected static void ReadUsage(ref Utf8JsonReader json, UsageMember take)
    {
        int depth = json.CurrentDepth;
        while (json.Read() && !(json.TokenType == JsonTokenType.EndObject && json.CurrentDepth == depth))
        {
            if (json.TokenType != JsonTokenType.PropertyName || json.CurrentDepth != depth + 1)
            {
                continue;
            }

            ReadOnlySpan<byte> member = json.ValueSpan;
            json.Read();
            if (json.TokenType == JsonTokenType.Number && json.TryGetInt64(out long value))
            {
                take(member, value);
            }
            else if (json.TokenType == JsonTokenType.StartObject && member.SequenceEqual("prompt_tokens_details"u8))
            {
                ReadUsage(ref json, take);
            }
            else
            {
                json.Skip();
            }
        }
    }

    protected delegate void UsageMember(ReadOnlySpan<byte> name, long value);
}
