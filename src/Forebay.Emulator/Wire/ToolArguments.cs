using System.Buffers;
using System.Text.Json;

namespace Forebay.Emulator.Wire;

/// <summary>
/// Arguments that a tool's JSON schema plausibly allows: constants, defaults, first enum values and first alternatives;
/// otherwise a small value of the type. Knows the keywords that tools use, not all of JSON Schema: no $ref, no pattern.
/// </summary>
internal static class ToolArguments
{
    private const int MaxDepth = 8;

    /// <summary>A JSON object as ASCII without line breaks.</summary>
    public static byte[] For(byte[] schema)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (JsonDocument document = JsonDocument.Parse(schema))
        using (var writer = new Utf8JsonWriter(buffer))
        {
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                WriteObject(writer, document.RootElement, 0);
            }
            else
            {
                writer.WriteStartObject();
                writer.WriteEndObject();
            }
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteValue(Utf8JsonWriter writer, JsonElement schema, int depth)
    {
        if (schema.ValueKind != JsonValueKind.Object || depth > MaxDepth)
        {
            writer.WriteNullValue();
            return;
        }

        foreach (string keyword in (ReadOnlySpan<string>)["const", "default"])
        {
            if (schema.TryGetProperty(keyword, out JsonElement value))
            {
                value.WriteTo(writer);
                return;
            }
        }

        if (schema.TryGetProperty("enum"u8, out JsonElement values) && First(values) is { } first)
        {
            first.WriteTo(writer);
            return;
        }

        foreach (string keyword in (ReadOnlySpan<string>)["anyOf", "oneOf", "allOf"])
        {
            if (schema.TryGetProperty(keyword, out JsonElement options) && First(options) is { } option)
            {
                WriteValue(writer, option, depth + 1);
                return;
            }
        }

        WriteOfType(writer, schema, depth);
    }

    private static void WriteOfType(Utf8JsonWriter writer, JsonElement schema, int depth)
    {
        string? type = null;
        if (schema.TryGetProperty("type"u8, out JsonElement types))
        {
            JsonElement? one = types.ValueKind == JsonValueKind.Array ? First(types) : types;
            type = one?.ValueKind == JsonValueKind.String ? one.Value.GetString() : null;
        }

        switch (type)
        {
            case "string":
                int least = Number(schema, "minLength", 0) is var n && n < 1024 ? (int)n : 1024;
                writer.WriteStringValue("current".PadRight(least, 's'));
                break;
            case "integer":
                double whole = Math.Ceiling(Number(schema, "minimum", Number(schema, "maximum", 1)));
                writer.WriteNumberValue((long)Math.Clamp(whole, -1e15, 1e15));
                break;
            case "number":
                writer.WriteNumberValue(Number(schema, "minimum", Number(schema, "maximum", 1.5)));
                break;
            case "boolean":
                writer.WriteBooleanValue(true);
                break;
            case "array":
                writer.WriteStartArray();
                if (schema.TryGetProperty("items"u8, out JsonElement items))
                {
                    WriteValue(writer, items, depth + 1);
                }

                writer.WriteEndArray();
                break;
            case "null":
                writer.WriteNullValue();
                break;
            default:
                WriteObject(writer, schema, depth);
                break;
        }
    }

    private static void WriteObject(Utf8JsonWriter writer, JsonElement schema, int depth)
    {
        writer.WriteStartObject();
        if (schema.TryGetProperty("properties"u8, out JsonElement properties)
            && properties.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty property in properties.EnumerateObject())
            {
                writer.WritePropertyName(property.Name);
                WriteValue(writer, property.Value, depth + 1);
            }
        }

        writer.WriteEndObject();
    }

    private static JsonElement? First(JsonElement array) =>
        array.ValueKind == JsonValueKind.Array && array.GetArrayLength() > 0 ? array[0] : null;

    private static double Number(JsonElement schema, string keyword, double otherwise) =>
        schema.TryGetProperty(keyword, out JsonElement value) && value.ValueKind == JsonValueKind.Number
            ? value.GetDouble()
            : otherwise;
}
