using System.Buffers;
using System.Text;
using System.Text.Json;
using Forebay.Emulator.Wire;

namespace Forebay.Emulator.Http;

/// <summary>Chat completions: unnamed events of one object, then [DONE].</summary>
internal sealed class OpenAiWriter : IAnswerWriter
{
    private readonly AnswerContext _context;
    private readonly byte[] _head;
    private readonly bool _usage;

    public OpenAiWriter(AnswerContext context)
    {
        _context = context;
        _usage = context.Request.IncludeUsage;
        string model = JsonEncodedText.Encode(context.Model).ToString();
        _head = Encoding.UTF8.GetBytes($"data: {{\"id\":\"chatcmpl-{context.Id}\",\"object\":\"chat.completion.chunk\","
            + $"\"created\":{context.CreatedUnixSeconds},\"model\":\"{model}\",\"choices\":[");
    }

    public ReadOnlySpan<byte> HalfEvent => "data: {\"id\":\"chatcmpl-0\",\"object\":\"chat.comp"u8;

    private ReadOnlySpan<byte> FinishReason => _context.Answer.End switch
    {
        AnswerEnd.MaxTokens => "length"u8,
        AnswerEnd.ToolCall => "tool_calls"u8,
        _ => "stop"u8,
    };

    public void Begin(EventSink sink)
    {
        sink.Write(_head);
        if (_context.Answer.Tool is { } tool)
        {
            sink.Write("{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["u8);
            sink.Write(Encoding.UTF8.GetBytes(
                $"{{\"index\":0,\"id\":\"call_{_context.Id}\",\"type\":\"function\",\"function\":{{\"name\":"
                + $"\"{JsonEncodedText.Encode(tool)}\",\"arguments\":\"\"}}}}]}}"));
        }
        else
        {
            sink.Write("{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}"u8);
        }

        sink.Write(",\"logprobs\":null,\"finish_reason\":null}]"u8);
        EndChunk(sink);
    }

    public void Tokens(EventSink sink, int from, int to)
    {
        if (_context.Answer.Tokens == 0)
        {
            return;
        }

        sink.Write(_head);
        bool call = _context.Answer.Tool is not null;
        sink.Write(call
            ? "{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\""u8
            : "{\"index\":0,\"delta\":{\"content\":\""u8);
        _context.Answer.WriteJson(sink, from * PromptText.BytesPerToken, to * PromptText.BytesPerToken);
        sink.Write(call ? "\"}}]},"u8 : "\"},"u8);
        sink.Write("\"logprobs\":null,\"finish_reason\":null}]"u8);
        EndChunk(sink);
    }

    public void End(EventSink sink)
    {
        sink.Write(_head);
        sink.Write("{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\""u8);
        sink.Write(FinishReason);
        sink.Write("\"}]"u8);
        EndChunk(sink);
        if (_usage)
        {
            sink.Write(_head);
            sink.Write("],\"usage\":"u8);
            using (var writer = new Utf8JsonWriter(sink))
            {
                WriteUsage(writer);
            }

            sink.Write("}\n\n"u8);
            sink.EndEvent();
        }

        sink.Write("data: [DONE]\n\n"u8);
        sink.EndEvent();
    }

    public void Whole(IBufferWriter<byte> buffer)
    {
        Answer answer = _context.Answer;
        var text = new ArrayBufferWriter<byte>(Math.Max(1, answer.Bytes));
        answer.WriteRaw(text, 0, answer.Bytes);
        using var writer = new Utf8JsonWriter(buffer);
        writer.WriteStartObject();
        writer.WriteString("id"u8, "chatcmpl-" + _context.Id);
        writer.WriteString("object"u8, "chat.completion"u8);
        writer.WriteNumber("created"u8, _context.CreatedUnixSeconds);
        writer.WriteString("model"u8, _context.Model);
        writer.WriteStartArray("choices"u8);
        writer.WriteStartObject();
        writer.WriteNumber("index"u8, 0);
        writer.WriteStartObject("message"u8);
        writer.WriteString("role"u8, "assistant"u8);
        if (answer.Tool is { } tool)
        {
            writer.WriteNull("content"u8);
            writer.WriteStartArray("tool_calls"u8);
            writer.WriteStartObject();
            writer.WriteString("id"u8, "call_" + _context.Id);
            writer.WriteString("type"u8, "function"u8);
            writer.WriteStartObject("function"u8);
            writer.WriteString("name"u8, tool);
            writer.WriteString("arguments"u8, text.WrittenSpan);
            writer.WriteEndObject();
            writer.WriteEndObject();
            writer.WriteEndArray();
        }
        else
        {
            writer.WriteString("content"u8, text.WrittenSpan);
        }

        writer.WriteNull("refusal"u8);
        writer.WriteEndObject();
        writer.WriteNull("logprobs"u8);
        writer.WriteString("finish_reason"u8, FinishReason);
        writer.WriteEndObject();
        writer.WriteEndArray();
        writer.WritePropertyName("usage"u8);
        WriteUsage(writer);
        writer.WriteNull("system_fingerprint"u8);
        writer.WriteEndObject();
    }

    private void WriteUsage(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteNumber("prompt_tokens"u8, _context.Request.PromptTokens);
        writer.WriteNumber("completion_tokens"u8, _context.OutputTokens);
        writer.WriteNumber("total_tokens"u8, _context.Request.PromptTokens + _context.OutputTokens);
        writer.WriteStartObject("prompt_tokens_details"u8);
        writer.WriteNumber("cached_tokens"u8, _context.CachedTokens);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private void EndChunk(EventSink sink)
    {
        sink.Write(_usage ? ",\"usage\":null}\n\n"u8 : "}\n\n"u8);
        sink.EndEvent();
    }
}
