using System.Text.Json;

namespace Forebay.Protocols.Batches;

/// <summary>One request of a batch of messages.</summary>
/// <param name="CustomId">Its name.</param>
/// <param name="Params">The body of the message request, in the bytes that were read.</param>
public readonly record struct MessageBatchRequest(string CustomId, ByteRange Params)
{
    public const int MaxCustomId = 64;

    /// <summary>Reads one. Bytes that are not an object are a problem like any other.</summary>
    /// <param name="request">A JSON value.</param>
    /// <param name="read">What it holds.</param>
    /// <param name="problem">What is wrong with it, beginning with the field's name.</param>
    public static bool TryRead(ReadOnlySpan<byte> request, out MessageBatchRequest read, out string? problem)
    {
        read = default;
        string? id = null;
        ByteRange? body = null;
        var reader = new Utf8JsonReader(request, new JsonReaderOptions { MaxDepth = 72 });
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            problem = ": Input should be an object with custom_id and params";
            return false;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isId = reader.ValueTextEquals("custom_id"u8);
            bool isBody = reader.ValueTextEquals("params"u8);
            string name = isId ? "custom_id" : isBody ? "params" : reader.GetString() ?? "";
            reader.Read();
            int start = (int)reader.TokenStartIndex;
            problem = (isId, isBody, reader.TokenType) switch
            {
                (false, false, _) => $".{Short(name)}: Extra inputs are not permitted",
                (true, _, not JsonTokenType.String) => ".custom_id: Input should be a valid string",
                (true, _, _) when id is not null => ".custom_id: stands there twice",
                (_, true, not JsonTokenType.StartObject) => ".params: Input should be an object",
                (_, true, _) when body is not null => ".params: stands there twice",
                _ => null,
            };
            if (problem is not null)
            {
                return false;
            }

            if (isId)
            {
                id = reader.GetString();
                continue;
            }

            reader.Skip();
            body = new ByteRange(start, (int)reader.BytesConsumed - start);
        }

        problem = id is null ? ".custom_id: Field required"
            : !IsName(id) ? ".custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'"
            : body is null ? ".params: Field required"
            : null;
        read = new MessageBatchRequest(id ?? "", body ?? default);
        return problem is null;
    }

    private static bool IsName(string id) =>
        id.Length is > 0 and <= MaxCustomId && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');

    private static string Short(string name) => name.Length <= 64 ? name : name[..64] + "...";
}
