using System.Buffers;
using System.Text.Json;
using Forebay.Protocols.Writing;

namespace Forebay.Protocols;

/// <summary>
/// Writes <c>/v1/models</c>. Both dialects use that path, so the answer is a superset that clients of either accept:
/// OpenAI's <c>object</c>, <c>created</c> and <c>owned_by</c> beside Anthropic's <c>type</c>, <c>created_at</c>,
/// <c>display_name</c>, limits, capabilities and paging.
/// </summary>
public static class ModelList
{
    /// <summary>Writes one page of a list.</summary>
    public static void Write(IBufferWriter<byte> output, ReadOnlySpan<ModelCard> cards, ModelPage page)
    {
        ReadOnlySpan<ModelCard> items = page.Of(cards, out bool hasMore);
        using Utf8JsonWriter json = JsonOutput.To(output);
        json.WriteStartObject();
        json.WriteString("object"u8, "list"u8);
        json.WriteStartArray("data"u8);
        foreach (ModelCard card in items)
        {
            WriteCard(json, card);
        }

        json.WriteEndArray();
        json.WriteBoolean("has_more"u8, hasMore);
        json.WriteString("first_id"u8, items.IsEmpty ? null : items[0].Id);
        json.WriteString("last_id"u8, items.IsEmpty ? null : items[^1].Id);
        json.WriteEndObject();
    }

    /// <summary>Writes a single model, the answer of <c>/v1/models/{id}</c>.</summary>
    public static void WriteOne(IBufferWriter<byte> output, ModelCard card)
    {
        using Utf8JsonWriter json = JsonOutput.To(output);
        WriteCard(json, card);
    }

    private static void WriteCard(Utf8JsonWriter json, in ModelCard card)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, card.Id);
        json.WriteString("type"u8, "model"u8);
        json.WriteString("object"u8, "model"u8);
        json.WriteString("display_name"u8, card.DisplayName);
        json.WriteNumber("created"u8, card.Created.ToUnixTimeSeconds());
        json.WriteString("created_at"u8, RateLimitHeaders.Rfc3339(card.Created));
        json.WriteString("owned_by"u8, card.OwnedBy);
        WriteNumber(json, "max_input_tokens"u8, card.MaxInputTokens);
        WriteNumber(json, "max_tokens"u8, card.MaxOutputTokens);
        WriteCapabilities(json, card.Capabilities);
        json.WriteEndObject();
    }

    private static void WriteCapabilities(Utf8JsonWriter json, RequestFeatures capabilities)
    {
        json.WriteStartObject("capabilities"u8);
        WriteSupport(json, "image_input"u8, capabilities, RequestFeatures.Images);
        WriteSupport(json, "pdf_input"u8, capabilities, RequestFeatures.Documents);
        WriteSupport(json, "structured_outputs"u8, capabilities, RequestFeatures.StructuredOutput);
        WriteSupport(json, "thinking"u8, capabilities, RequestFeatures.Thinking);
        json.WriteEndObject();
    }

    private static void WriteSupport(
        Utf8JsonWriter json, ReadOnlySpan<byte> name, RequestFeatures capabilities, RequestFeatures feature)
    {
        json.WriteStartObject(name);
        json.WriteBoolean("supported"u8, (capabilities & feature) != 0);
        json.WriteEndObject();
    }

    private static void WriteNumber(Utf8JsonWriter json, ReadOnlySpan<byte> name, long? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
