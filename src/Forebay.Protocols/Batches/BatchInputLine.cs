using System.Text;
using System.Text.Json;

namespace Forebay.Protocols.Batches;

/// <summary>A line of OpenAI's input file.</summary>
/// <param name="CustomId">Its name.</param>
/// <param name="Url">The path that the request is for.</param>
/// <param name="Body">The request's body, in the line.</param>
public readonly record struct BatchInputLine(string CustomId, string Url, ByteRange Body)
{
    public const int MaxCustomId = 512;

    /// <summary>Reads a line.</summary>
    /// <param name="line">Its bytes.</param>
    /// <param name="read">What it holds.</param>
    /// <param name="problem">What is wrong: a code, words, and the field at fault.</param>
    public static bool TryRead(
        ReadOnlySpan<byte> line, out BatchInputLine read, out (string Code, string Message, string? Param) problem)
    {
        read = default;
        problem = default;
        try
        {
            return TryReadJson(line, out read, out problem);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or DecoderFallbackException)
        {
            problem = ("invalid_json_line", "This line is not valid JSON: each line must be one JSON object.", null);
            return false;
        }
    }

    private static bool TryReadJson(
        ReadOnlySpan<byte> line, out BatchInputLine read, out (string Code, string Message, string? Param) problem)
    {
        read = default;
        problem = default;
        string? id = null;
        string? method = null;
        string? url = null;
        ByteRange? body = null;
        var reader = new Utf8JsonReader(line, new JsonReaderOptions { MaxDepth = 72 });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            problem = ("invalid_json_line", "This line is not a JSON object.", null);
            return false;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString() ?? "";
            reader.Read();
            int start = (int)reader.TokenStartIndex;
            switch (name, reader.TokenType)
            {
                case ("custom_id", JsonTokenType.String) when id is null:
                    id = reader.GetString();
                    break;
                case ("method", JsonTokenType.String) when method is null:
                    method = reader.GetString();
                    break;
                case ("url", JsonTokenType.String) when url is null:
                    url = reader.GetString();
                    break;
                case ("body", JsonTokenType.StartObject) when body is null:
                    reader.Skip();
                    body = new ByteRange(start, (int)reader.BytesConsumed - start);
                    break;
                default:
                    string shown = name.Length <= 64 ? name : name[..64] + "...";
                    problem = ("invalid_request_line",
                        $"'{shown}' is not expected, stands there twice, or is of another type: a line has custom_id, "
                        + "method and url as strings and body as an object.", shown);
                    return false;
            }
        }

        // What follows the object is no part of it.
        while (reader.Read())
        {
        }

        string? missing = id is null ? "custom_id" : method is null ? "method" : url is null ? "url"
            : body is null ? "body" : null;
        if (missing is not null)
        {
            problem = ("missing_required_parameter", $"'{missing}' is missing.", missing);
        }
        else if (id!.Length is 0 or > MaxCustomId)
        {
            problem = ("invalid_custom_id", $"custom_id must have 1 to {MaxCustomId} characters.", "custom_id");
        }
        else if (method != "POST")
        {
            problem = ("invalid_method", "method must be POST.", "method");
        }

        read = new BatchInputLine(id ?? "", url ?? "", body ?? default);
        return problem.Code is null;
    }
}
