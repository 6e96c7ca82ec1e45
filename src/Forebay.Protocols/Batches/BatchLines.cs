using System.Buffers;
using System.Text.Json;
using Forebay.Protocols.Writing;

namespace Forebay.Protocols.Batches;

/// <summary>Lines of results, each one JSON text without a line break.</summary>
public static class BatchLines
{
    /// <summary>A message that succeeded. Where its usage does not name a service tier, it is told to be a batch's.
    /// </summary>
    public static byte[] Succeeded(string customId, ReadOnlySpan<byte> message) => Message(
        customId, "succeeded", "message", WithBatchTier(message));

    /// <summary>A message that failed.</summary>
    /// <param name="customId">The request's name.</param>
    /// <param name="envelope">The whole error, as a call would have been answered with.</param>
    public static byte[] Errored(string customId, ReadOnlySpan<byte> envelope) =>
        Message(customId, "errored", "error", envelope);

    /// <summary>A message that was never asked for: <c>canceled</c> or <c>expired</c>.</summary>
    public static byte[] Left(string customId, string type) => Message(customId, type, null, default);

    /// <summary>A line of OpenAI's output or error file.</summary>
    /// <param name="id">The line's own id.</param>
    /// <param name="customId">The request's name.</param>
    /// <param name="status">The HTTP status.</param>
    /// <param name="requestId">The request's id.</param>
    /// <param name="body">What it was answered with.</param>
    public static byte[] Answered(
        string id, string customId, int status, string requestId, ReadOnlySpan<byte> body)
    {
        var output = new ArrayBufferWriter<byte>(body.Length + 256);
        using (Utf8JsonWriter json = JsonOutput.To(output))
        {
            Begin(json, id, customId);
            json.WriteStartObject("response"u8);
            json.WriteNumber("status_code"u8, status);
            json.WriteString("request_id"u8, requestId);
            json.WritePropertyName("body"u8);
            json.WriteRawValue(OneLine(body), skipInputValidation: true);
            json.WriteEndObject();
            json.WriteNull("error"u8);
            json.WriteEndObject();
        }

        return output.WrittenSpan.ToArray();
    }

    /// <summary>A line of OpenAI's error file for a request that was never made.</summary>
    public static byte[] NotMade(string id, string customId, string code, string message)
    {
        var output = new ArrayBufferWriter<byte>(256);
        using (Utf8JsonWriter json = JsonOutput.To(output))
        {
            Begin(json, id, customId);
            json.WriteNull("response"u8);
            json.WriteStartObject("error"u8);
            json.WriteString("code"u8, code);
            json.WriteString("message"u8, message);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return output.WrittenSpan.ToArray();
    }

    /// <summary>Whether bytes are one JSON object, with a string field of a value where one is named.</summary>
    public static bool IsObject(ReadOnlySpan<byte> bytes, string? field = null, string? value = null)
    {
        try
        {
            var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = 256 });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }

            bool found = field is null;
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == 1)
                {
                    bool named = field is not null && reader.ValueTextEquals(field);
                    reader.Read();
                    found |= named && reader.TokenType == JsonTokenType.String && reader.ValueTextEquals(value);
                    reader.Skip();
                }
            }

            return found;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static void Begin(Utf8JsonWriter json, string id, string customId)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, id);
        json.WriteString("custom_id"u8, customId);
    }

    private static byte[] Message(string customId, string type, string? field, ReadOnlySpan<byte> value)
    {
        var output = new ArrayBufferWriter<byte>(value.Length + 256);
        using (Utf8JsonWriter json = JsonOutput.To(output))
        {
            json.WriteStartObject();
            json.WriteString("custom_id"u8, customId);
            json.WriteStartObject("result"u8);
            json.WriteString("type"u8, type);
            if (field is not null)
            {
                json.WritePropertyName(field);
                json.WriteRawValue(OneLine(value), skipInputValidation: true);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        return output.WrittenSpan.ToArray();
    }

    /// <summary>In JSON a line break stands only between tokens, so any other white space does as well.</summary>
    private static ReadOnlySpan<byte> OneLine(ReadOnlySpan<byte> json)
    {
        if (json.IndexOfAny((byte)'\n', (byte)'\r') < 0)
        {
            return json;
        }

        byte[] line = json.ToArray();
        line.AsSpan().Replace((byte)'\n', (byte)' ');
        line.AsSpan().Replace((byte)'\r', (byte)' ');
        return line;
    }

    /// <summary>Puts <c>"service_tier":"batch"</c> into the usage, where no tier stands there or a null.</summary>
    private static ReadOnlySpan<byte> WithBatchTier(ReadOnlySpan<byte> message)
    {
        var reader = new Utf8JsonReader(message, new JsonReaderOptions { MaxDepth = 256 });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isUsage = reader.ValueTextEquals("usage"u8);
            reader.Read();
            if (!isUsage || reader.TokenType != JsonTokenType.StartObject)
            {
                reader.Skip();
                continue;
            }

            int inside = (int)reader.BytesConsumed;
            bool empty = true;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                empty = false;
                bool isTier = reader.ValueTextEquals("service_tier"u8);
                reader.Read();
                if (isTier)
                {
                    return reader.TokenType == JsonTokenType.Null
                        ? Join(
                            message[..(int)reader.TokenStartIndex], "\"batch\""u8,
                            message[(int)reader.BytesConsumed..])
                        : message;
                }

                reader.Skip();
            }

            ReadOnlySpan<byte> member = empty ? "\"service_tier\":\"batch\""u8 : "\"service_tier\":\"batch\","u8;
            return Join(message[..inside], member, message[inside..]);
        }

        return message;
    }

    private static byte[] Join(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c) => [.. a, .. b, .. c];
}
