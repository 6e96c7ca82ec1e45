using System.Buffers;
using System.Text;
using System.Text.Json;
using Forebay.Emulator.Wire;

namespace Forebay.Emulator.Http;

/// <summary>Messages: named events in the vendor's order. Members that may be null are written as null: the vendor's
/// clients can be told to insist on them.</summary>
internal sealed class AnthropicWriter(AnswerContext context) : IAnswerWriter
{
    public ReadOnlySpan<byte> HalfEvent => "event: content_block_delta\ndata: {\"type\":\"content_bl"u8;

    private ReadOnlySpan<byte> StopReason => context.Answer.End switch
    {
        AnswerEnd.MaxTokens => "max_tokens"u8,
        AnswerEnd.StopSequence => "stop_sequence"u8,
        AnswerEnd.ToolCall => "tool_use"u8,
        _ => "end_turn"u8,
    };

    private bool HasContent => context.OutputTokens > 0;

    public void Begin(EventSink sink)
    {
        sink.Write("event: message_start\ndata: {\"type\":\"message_start\",\"message\":"u8);
        using (var writer = new Utf8JsonWriter(sink))
        {
            WriteMessage(writer, [], ended: false);
        }

        sink.Write("}\n\n"u8);
        sink.EndEvent();
        if (HasContent)
        {
            sink.Write("event: content_block_start\ndata: "u8);
            sink.Write("{\"type\":\"content_block_start\",\"index\":0,\"content_block\":"u8);
            sink.Write(context.Answer.Tool is { } tool
                ? Encoding.UTF8.GetBytes($"{{\"type\":\"tool_use\",\"id\":\"toolu_{context.Id}\",\"name\":"
                    + $"\"{JsonEncodedText.Encode(tool)}\",\"input\":{{}},\"caller\":{{\"type\":\"direct\"}}}}}}\n\n")
                : "{\"type\":\"text\",\"text\":\"\",\"citations\":null}}\n\n"u8);
            sink.EndEvent();
        }

        sink.Write("event: ping\ndata: {\"type\":\"ping\"}\n\n"u8);
        sink.EndEvent();
        if (context.Answer.Tool is not null)
        {
            Tokens(sink, 0, 0);
        }
    }

    public void Tokens(EventSink sink, int from, int to)
    {
        if (!HasContent)
        {
            return;
        }

        sink.Write("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"u8);
        sink.Write(context.Answer.Tool is null
            ? "{\"type\":\"text_delta\",\"text\":\""u8
            : "{\"type\":\"input_json_delta\",\"partial_json\":\""u8);
        context.Answer.WriteJson(sink, from * PromptText.BytesPerToken, to * PromptText.BytesPerToken);
        sink.Write("\"}}\n\n"u8);
        sink.EndEvent();
    }

    public void End(EventSink sink)
    {
        if (HasContent)
        {
            sink.Write("event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"u8);
            sink.EndEvent();
        }

        sink.Write("event: message_delta\ndata: "u8);
        using (var writer = new Utf8JsonWriter(sink))
        {
            writer.WriteStartObject();
            writer.WriteString("type"u8, "message_delta"u8);
            writer.WriteStartObject("delta"u8);
            WriteStop(writer, ended: true);
            writer.WriteNull("container"u8);
            writer.WriteEndObject();
            writer.WriteStartObject("usage"u8);
            WriteCounts(writer, context.OutputTokens);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        sink.Write("\n\n"u8);
        sink.EndEvent();
        sink.Write("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"u8);
        sink.EndEvent();
    }

    public void Whole(IBufferWriter<byte> buffer)
    {
        var text = new ArrayBufferWriter<byte>(Math.Max(1, context.Answer.Bytes));
        context.Answer.WriteRaw(text, 0, context.Answer.Bytes);
        using var writer = new Utf8JsonWriter(buffer);
        WriteMessage(writer, text.WrittenSpan, ended: true);
    }

    /// <summary>The message: whole, or as it starts a stream.</summary>
    private void WriteMessage(Utf8JsonWriter writer, ReadOnlySpan<byte> content, bool ended)
    {
        writer.WriteStartObject();
        writer.WriteString("id"u8, "msg_" + context.Id);
        writer.WriteString("type"u8, "message"u8);
        writer.WriteString("role"u8, "assistant"u8);
        writer.WriteString("model"u8, context.Model);
        writer.WriteStartArray("content"u8);
        if (ended && HasContent)
        {
            WriteBlock(writer, content);
        }

        writer.WriteEndArray();
        WriteStop(writer, ended);
        writer.WriteNull("container"u8);
        writer.WriteNull("diagnostics"u8);
        writer.WriteStartObject("usage"u8);
        WriteCounts(writer, ended || !HasContent ? context.OutputTokens : 1);
        writer.WriteStartObject("cache_creation"u8);
        writer.WriteNumber("ephemeral_5m_input_tokens"u8, 0);
        writer.WriteNumber("ephemeral_1h_input_tokens"u8, 0);
        writer.WriteEndObject();
        writer.WriteString("service_tier"u8, "standard"u8);
        writer.WriteNull("inference_geo"u8);
        writer.WriteNull("speed"u8);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private void WriteBlock(Utf8JsonWriter writer, ReadOnlySpan<byte> content)
    {
        writer.WriteStartObject();
        if (context.Answer.Tool is { } tool)
        {
            writer.WriteString("type"u8, "tool_use"u8);
            writer.WriteString("id"u8, "toolu_" + context.Id);
            writer.WriteString("name"u8, tool);
            writer.WritePropertyName("input"u8);
            if (context.Answer.End == AnswerEnd.ToolCall)
            {
                writer.WriteRawValue(content);
            }
            else
            {
                // Cut by max_tokens in the middle of the arguments: there is no object to give.
                writer.WriteStartObject();
                writer.WriteEndObject();
            }

            writer.WriteStartObject("caller"u8);
            writer.WriteString("type"u8, "direct"u8);
            writer.WriteEndObject();
        }
        else
        {
            writer.WriteString("type"u8, "text"u8);
            writer.WriteString("text"u8, content);
            writer.WriteNull("citations"u8);
        }

        writer.WriteEndObject();
    }

    private void WriteStop(Utf8JsonWriter writer, bool ended)
    {
        if (ended)
        {
            writer.WriteString("stop_reason"u8, StopReason);
        }
        else
        {
            writer.WriteNull("stop_reason"u8);
        }

        writer.WriteString("stop_sequence"u8, ended ? context.Answer.StopSequence : null);
        writer.WriteNull("stop_details"u8);
    }

    /// <summary>The vendor's input tokens leave out what was read from the cache.</summary>
    private void WriteCounts(Utf8JsonWriter writer, int outputTokens)
    {
        writer.WriteNumber("input_tokens"u8, context.Request.PromptTokens - context.CachedTokens);
        writer.WriteNumber("cache_creation_input_tokens"u8, 0);
        writer.WriteNumber("cache_read_input_tokens"u8, context.CachedTokens);
        writer.WriteNumber("output_tokens"u8, outputTokens);
        writer.WriteNull("output_tokens_details"u8);
        writer.WriteNull("server_tool_use"u8);
    }
}
