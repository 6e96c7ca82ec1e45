using System.Buffers;
using System.Text.Json;
using Forebay.Protocols.Writing;

namespace Forebay.Protocols;

/// <summary>Writes an error the way clients of each dialect expect it, as a body or inside a stream that has already
/// begun with status 200.</summary>
public static class ErrorEnvelope
{
    /// <summary>Writes an error body.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="dialect">The client's dialect.</param>
    /// <param name="type">The dialect's error type, such as <c>rate_limit_error</c>.</param>
    /// <param name="code">A finer code: OpenAI's <c>code</c>, Anthropic's <c>details.error_code</c>.</param>
    /// <param name="message">What went wrong and what to do.</param>
    /// <param name="param">The field at fault. Only OpenAI's envelope has a place for it.</param>
    /// <param name="requestId">The request's id. Only Anthropic's envelope has a place for it; OpenAI's clients read a
    /// header.</param>
    public static void Write(
        IBufferWriter<byte> output,
        WireDialect dialect,
        string type,
        string? code,
        string message,
        string? param,
        string requestId)
    {
        using Utf8JsonWriter json = JsonOutput.To(output);
        json.WriteStartObject();
        if (dialect == WireDialect.Anthropic)
        {
            WriteAnthropic(json, type, code, message, requestId);
        }
        else
        {
            WriteOpenAi(json, type, code, message, param);
        }

        json.WriteEndObject();
    }

    /// <summary>Writes the error as the last event of a stream. After it the connection closes: no
    /// <c>message_stop</c>, no <c>[DONE]</c>, since clients take those for a complete answer.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="dialect">The client's dialect.</param>
    /// <param name="type">The dialect's error type.</param>
    /// <param name="code">A finer code.</param>
    /// <param name="message">What went wrong and what to do.</param>
    /// <param name="param">The field at fault.</param>
    /// <param name="requestId">The request's id.</param>
    /// <param name="sequence">The event's number, in a dialect that counts its events.</param>
    public static void WriteStreamEvent(
        IBufferWriter<byte> output,
        WireDialect dialect,
        string type,
        string? code,
        string message,
        string? param,
        string requestId,
        long sequence = 0)
    {
        if (dialect == WireDialect.Responses)
        {
            output.Write("event: error\ndata: "u8);
            WriteResponses(output, type, code, message, param, sequence);
            output.Write("\n\n"u8);
            return;
        }

        output.Write(dialect == WireDialect.Anthropic ? "event: error\ndata: "u8 : "data: "u8);
        Write(output, dialect, type, code, message, param, requestId);
        output.Write("\n\n"u8);
    }

    /// <summary>Writes what the dialect says in the event itself, and the same as an <c>error</c> within: some of the
    /// vendor's clients look there.</summary>
    private static void WriteResponses(
        IBufferWriter<byte> output, string type, string? code, string message, string? param, long sequence)
    {
        using Utf8JsonWriter json = JsonOutput.To(output);
        json.WriteStartObject();
        json.WriteString("type"u8, "error"u8);
        json.WriteNumber("sequence_number"u8, sequence);
        json.WriteString("code"u8, code ?? type);
        json.WriteString("message"u8, message);
        json.WriteString("param"u8, param);
        WriteOpenAi(json, type, code, message, param);
        json.WriteEndObject();
    }

    private static void WriteAnthropic(
        Utf8JsonWriter json, string type, string? code, string message, string requestId)
    {
        json.WriteString("type"u8, "error"u8);
        json.WriteStartObject("error"u8);
        json.WriteString("type"u8, type);
        json.WriteString("message"u8, message);
        if (code is not null)
        {
            json.WriteStartObject("details"u8);
            json.WriteString("error_code"u8, code);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteString("request_id"u8, requestId);
    }

    private static void WriteOpenAi(Utf8JsonWriter json, string type, string? code, string message, string? param)
    {
        json.WriteStartObject("error"u8);
        json.WriteString("message"u8, message);
        json.WriteString("type"u8, type);
        json.WriteString("param"u8, param);
        json.WriteString("code"u8, code);
        json.WriteEndObject();
    }
}
