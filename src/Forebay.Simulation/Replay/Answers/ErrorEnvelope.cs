using System.Text;
using System.Text.Json;

namespace Forebay.Simulation.Replay.Answers;

/// <summary>A failure as either dialect tells it.</summary>
/// <param name="Kind">OpenAI's <c>error.code</c> where there is one, else <c>error.type</c>.</param>
/// <param name="Message">What the server said, cut to a line's length.</param>
internal sealed record ErrorEnvelope(string Kind, string Message)
{
    private const int MaxKindLength = 64;
    private const int MaxMessageLength = 300;

    /// <summary>Reads an error body, or an error event's data; null when it is neither dialect's.</summary>
    public static ErrorEnvelope? Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind != JsonValueKind.Object
                || !document.RootElement.TryGetProperty("error", out JsonElement error)
                || error.ValueKind != JsonValueKind.Object
                || (TextOf(error, "code") ?? TextOf(error, "type")) is not { } kind)
            {
                return null;
            }

            return new ErrorEnvelope(Cut(kind, MaxKindLength), Cut(TextOf(error, "message") ?? "", MaxMessageLength));
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>A body of another form: its beginning, for the report.</summary>
    public static string Excerpt(ReadOnlySpan<byte> body) => Cut(Encoding.UTF8.GetString(body), MaxMessageLength);

    private static string? TextOf(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    private static string Cut(string text, int length)
    {
        string line = text.ReplaceLineEndings(" ").Trim();
        return line.Length <= length ? line : line[..length];
    }
}
