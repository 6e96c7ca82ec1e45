using System.Text;
using System.Text.Json;

namespace Forebay.Control.Partners;

/// <summary>Reads a streamed chat completion line by line, as far as a probe needs it.</summary>
internal sealed class AnswerReader
{
    private const string Data = "data:";
    private int _chunks;
    private int? _said;

    public bool Done { get; private set; }

    /// <summary>A reason for its end was given.</summary>
    public bool Finished { get; private set; }

    public bool HasText => _chunks > 0;

    public long TextBytes { get; private set; }

    /// <summary>Tokens that it may count with: what the endpoint says, but at least a byte of text each; pieces of text
    /// where it does not say.</summary>
    public int Tokens => (int)Math.Min(_said ?? _chunks, TextBytes);

    /// <exception cref="JsonException">An event is not JSON.</exception>
    public void Read(string line)
    {
        if (!line.StartsWith(Data, StringComparison.Ordinal))
        {
            return;
        }

        string data = line[Data.Length..].Trim();
        if (data == "[DONE]")
        {
            Done = true;
            return;
        }

        using var chunk = JsonDocument.Parse(data);
        JsonElement root = chunk.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new JsonException("An event is no object.");
        }

        if (root.TryGetProperty("usage", out JsonElement usage) && usage.ValueKind == JsonValueKind.Object
            && usage.TryGetProperty("completion_tokens", out JsonElement said) && said.TryGetInt32(out int tokens))
        {
            _said = Math.Max(0, tokens);
        }

        if (root.TryGetProperty("choices", out JsonElement choices) && choices.ValueKind == JsonValueKind.Array
            && choices.GetArrayLength() > 0)
        {
            ReadChoice(choices[0]);
        }
    }

    private void ReadChoice(JsonElement choice)
    {
        if (choice.TryGetProperty("delta", out JsonElement delta) && delta.ValueKind == JsonValueKind.Object)
        {
            // Reasoning models think aloud first, under one of two names.
            foreach (string name in (ReadOnlySpan<string>)["content", "reasoning_content", "reasoning"])
            {
                if (delta.TryGetProperty(name, out JsonElement text) && text.ValueKind == JsonValueKind.String
                    && text.GetString() is { Length: > 0 } piece)
                {
                    _chunks++;
                    TextBytes += Encoding.UTF8.GetByteCount(piece);
                }
            }
        }

        Finished |= choice.TryGetProperty("finish_reason", out JsonElement why)
            && why.ValueKind == JsonValueKind.String;
    }
}
