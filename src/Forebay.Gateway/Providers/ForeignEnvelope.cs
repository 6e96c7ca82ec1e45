using System.Text.Json;

namespace Forebay.Gateway.Providers;

/// <summary>
/// Errors of Anthropic-dialect endpoints that are not Anthropic's own: engines answer validation errors in OpenAI's
/// envelope and name Python classes as types, and what stands before an endpoint speaks for itself. Clients match on
/// Anthropic's words, so these are said anew with the message kept.
/// </summary>
internal static class ForeignEnvelope
{
    /// <summary>The message of an error in another form than Anthropic's; null where the form is right, or none that is
    /// known.</summary>
    public static string? MessageOf(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object
                || !root.TryGetProperty("error", out JsonElement error) || error.ValueKind != JsonValueKind.Object
                || !error.TryGetProperty("message", out JsonElement message)
                || message.ValueKind != JsonValueKind.String)
            {
                return null;
            }

            bool isOwn = root.TryGetProperty("type", out JsonElement outer) && IsText(outer, out string kind)
                && kind == "error"
                && error.TryGetProperty("type", out JsonElement inner) && IsText(inner, out string type)
                && type.Length > 0 && type.All(static c => char.IsAsciiLetterLower(c) || c == '_');
            return isOwn ? null : message.GetString();
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool IsText(JsonElement value, out string text)
    {
        text = value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
        return value.ValueKind == JsonValueKind.String;
    }
}
