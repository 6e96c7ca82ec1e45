using System.Globalization;
using System.Text;
using System.Text.Json;
using Forebay.Core.Config;
using Forebay.Core.Fleet;

namespace Forebay.Control.FleetFile;

/// <summary>
/// The JSON Schema (2020-12) of the fleet file, for editors, made from the records' declarations. It holds forms,
/// ranges and words; rules over several keys are the validator's.
/// </summary>
public static class FleetSchema
{
    private static readonly JsonWriterOptions Indented = new()
    {
        Indented = true,
        NewLine = "\n",
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The schema as indented JSON, ending with a line break.</summary>
    public static string WriteJson()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, Indented))
        {
            json.WriteStartObject();
            json.WriteString("$schema", "https://json-schema.org/draft/2020-12/schema");
            json.WriteString("title", "Forebay fleet file");
            WriteObject(json, ConfigShape.Of(typeof(FleetConfig)));
            json.WriteStartObject("$defs");
            foreach (ConfigShape shape in FleetSections.Nested())
            {
                json.WriteStartObject(FleetSections.NameOf(shape));
                WriteObject(json, shape);
                json.WriteEndObject();
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    private static void WriteObject(Utf8JsonWriter json, ConfigShape shape)
    {
        json.WriteString("type", "object");
        json.WriteBoolean("additionalProperties", false);
        json.WriteStartArray("required");
        foreach (ConfigProperty key in shape.Properties.Where(p => p.Doc.Required))
        {
            json.WriteStringValue(key.Name);
        }

        json.WriteEndArray();
        json.WriteStartObject("properties");
        foreach (ConfigProperty key in shape.Properties)
        {
            json.WriteStartObject(key.Name);
            json.WriteString("description", key.Doc.Description);
            WriteForm(json, key.Shape, key.Doc);
            if (FleetSections.DefaultOf(shape, key) is { } value)
            {
                WriteDefault(json, key.Shape, value);
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteForm(Utf8JsonWriter json, ConfigShape shape, ConfigKeyAttribute doc)
    {
        switch (shape.Kind)
        {
            case ConfigKind.List:
                json.WriteString("type", "array");
                json.WriteBoolean("uniqueItems", shape.Element!.Kind != ConfigKind.Mapping);
                json.WriteStartObject("items");
                WriteForm(json, shape.Element, doc);
                json.WriteEndObject();
                break;
            case ConfigKind.Mapping:
                WriteReference(json, shape);
                break;
            case ConfigKind.Figure:
                json.WriteStartArray("anyOf");
                json.WriteStartObject();
                json.WriteString("type", "number");
                WriteRange(json, doc);
                json.WriteEndObject();
                json.WriteStartObject();
                WriteReference(json, shape);
                json.WriteEndObject();
                json.WriteEndArray();
                break;
            case ConfigKind.Choice:
                json.WriteStartArray("enum");
                foreach ((string word, _) in shape.Choices)
                {
                    json.WriteStringValue(word);
                }

                json.WriteEndArray();
                break;
            case ConfigKind.Whole or ConfigKind.Number:
                json.WriteString("type", shape.Kind == ConfigKind.Whole ? "integer" : "number");
                WriteRange(json, doc);
                break;
            case ConfigKind.Flag:
                json.WriteString("type", "boolean");
                break;
            default:
                WriteText(json, shape, doc);
                break;
        }
    }

    private static void WriteText(Utf8JsonWriter json, ConfigShape shape, ConfigKeyAttribute doc)
    {
        json.WriteString("type", "string");
        string? format = shape.Kind switch { ConfigKind.Date => "date", ConfigKind.Url => "uri", _ => null };
        if (format is not null)
        {
            json.WriteString("format", format);
        }

        string? pattern = doc.Secret
            ? "(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|google:(adc|file/.+)|aws:(default|profile/.+))"
            : doc.Pattern;
        if (pattern is not null)
        {
            json.WriteString("pattern", $"^({pattern})$");
        }
        else if (shape.Kind == ConfigKind.Text)
        {
            json.WriteNumber("minLength", 1);
        }
    }

    private static void WriteReference(Utf8JsonWriter json, ConfigShape shape) =>
        json.WriteString("$ref", $"#/$defs/{FleetSections.NameOf(shape)}");

    private static void WriteRange(Utf8JsonWriter json, ConfigKeyAttribute doc)
    {
        if (!double.IsNaN(doc.Minimum))
        {
            json.WriteNumber("minimum", doc.Minimum);
        }

        if (!double.IsNaN(doc.Maximum))
        {
            json.WriteNumber("maximum", doc.Maximum);
        }
    }

    private static void WriteDefault(Utf8JsonWriter json, ConfigShape shape, object value)
    {
        json.WritePropertyName("default");
        WriteValue(json, shape, value);
    }

    private static void WriteValue(Utf8JsonWriter json, ConfigShape shape, object value)
    {
        switch (shape.Kind)
        {
            case ConfigKind.List:
                json.WriteStartArray();
                foreach (object entry in (Array)value)
                {
                    WriteValue(json, shape.Element!, entry);
                }

                json.WriteEndArray();
                break;
            case ConfigKind.Choice:
                json.WriteStringValue(shape.WordOf(value));
                break;
            case ConfigKind.Flag:
                json.WriteBooleanValue((bool)value);
                break;
            case ConfigKind.Whole or ConfigKind.Number:
                json.WriteRawValue(Convert.ToString(value, CultureInfo.InvariantCulture)!);
                break;
            default:
                json.WriteStringValue(Convert.ToString(value, CultureInfo.InvariantCulture));
                break;
        }
    }
}
