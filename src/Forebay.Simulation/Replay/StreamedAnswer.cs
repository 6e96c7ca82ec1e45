using System.Text.Json;

namespace Forebay.Simulation.Replay;

/// <summary>What the events of one streamed answer add up to.</summary>
internal abstract class StreamedAnswer
{
    /// <summary>When the first piece of the answer arrived; null before.</summary>
    public long? FirstPieceAt { get; private set; }

    /// <summary>When the last piece of the answer arrived so far.</summary>
    public long LastPieceAt { get; private set; }

    /// <summary>The whole prompt, cached parts included, as the server counts it; 0 until it says.</summary>
    public long InputTokens { get; protected set; }

    /// <summary>The answer, as the server counts it; 0 until it says.</summary>
    public long OutputTokens { get; protected set; }

    /// <summary>The stream came to its proper end.</summary>
    public bool Ended { get; protected set; }

    /// <summary>The failure that the stream told of, or null.</summary>
    public ErrorEnvelope? Error { get; protected set; }

    public static StreamedAnswer Of(ReplayDialect dialect) =>
        dialect == ReplayDialect.Anthropic ? new AnthropicAnswer() : new OpenAiAnswer();

    /// <summary>Takes in one event that arrived at a timestamp of the run's clock.</summary>
    /// <exception cref="JsonException">The event's data is not what the dialect says.</exception>
    public abstract void Accept(ReadOnlySpan<byte> name, ReadOnlySpan<byte> data, long timestamp);

    protected void MarkPiece(long timestamp)
    {
        FirstPieceAt ??= timestamp;
        LastPieceAt = timestamp;
    }

    /// <summary>Reads an object's integer members called for; others are skipped.</summary>
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
            else
            {
                json.Skip();
            }
        }
    }

    protected delegate void UsageMember(ReadOnlySpan<byte> name, long value);
}
