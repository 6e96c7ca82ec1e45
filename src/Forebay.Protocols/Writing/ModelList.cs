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
        json.WriteString("lifecycle"u8, "active"u8);
        json.WriteNull("line"u8);
        json.WriteNull("deprecated_at"u8);
        json.WriteNull("retires_at"u8);
        WriteCapabilities(json, card.Capabilities);
        json.WriteEndObject();
    }

    /// <summary>Every key that Anthropic's contract requires: its clients can be told to refuse an answer that lacks
    /// one. What is not known of a model is not claimed for it.</summary>
    private static void WriteCapabilities(Utf8JsonWriter json, RequestFeatures capabilities)
    {
        bool thinks = capabilities.HasFlag(RequestFeatures.Thinking);
        json.WriteStartObject("capabilities"u8);
        WriteSupport(json, "batch"u8, false);
        WriteSupport(json, "citations"u8, false);
        WriteSupport(json, "code_execution"u8, false);
        WriteGroup(
            json, "context_management"u8, false,
            ["clear_thinking_20251015", "clear_tool_uses_20250919", "compact_20260112"]);
        WriteGroup(json, "effort"u8, false, ["low", "medium", "high", "xhigh", "max"]);
        WriteSupport(json, "image_input"u8, capabilities.HasFlag(RequestFeatures.Images));
        WriteSupport(json, "pdf_input"u8, capabilities.HasFlag(RequestFeatures.Documents));
        WriteGroup(json, "server_tools"u8, false, ["code_execution", "web_search"]);
        WriteSupport(json, "structured_outputs"u8, capabilities.HasFlag(RequestFeatures.StructuredOutput));
        json.WriteStartObject("thinking"u8);
        json.WriteBoolean("supported"u8, thinks);
        json.WriteStartObject("types"u8);
        WriteSupport(json, "adaptive"u8, false);
        WriteSupport(json, "between_tools"u8, false);
        WriteSupport(json, "disabled"u8, thinks);
        WriteSupport(json, "enabled"u8, thinks);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteGroup(
        Utf8JsonWriter json, ReadOnlySpan<byte> name, bool supported, ReadOnlySpan<string> members)
    {
        json.WriteStartObject(name);
        json.WriteBoolean("supported"u8, supported);
        foreach (string member in members)
        {
            json.WriteStartObject(member);
            json.WriteBoolean("supported"u8, supported);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteSupport(Utf8JsonWriter json, ReadOnlySpan<byte> name, bool supported)
    {
        json.WriteStartObject(name);
        json.WriteBoolean("supported"u8, supported);
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
