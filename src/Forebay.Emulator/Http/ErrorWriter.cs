using System.Globalization;
using System.Text.Json;
using Forebay.Core.Serving;
using Microsoft.AspNetCore.Http;

namespace Forebay.Emulator.Http;

/// <summary>Errors in each dialect's envelope.</summary>
internal static class ErrorWriter
{
    public static Task WriteAsync(
        HttpContext http,
        Dialect dialect,
        int status,
        string message,
        string? parameter = null,
        double? retryAfter = null)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        if (retryAfter is { } seconds)
        {
            http.Response.Headers.RetryAfter = Math.Ceiling(seconds).ToString(CultureInfo.InvariantCulture);
        }

        using (var writer = new Utf8JsonWriter(http.Response.BodyWriter))
        {
            writer.WriteStartObject();
            if (dialect == Dialect.Anthropic)
            {
                writer.WriteString("type"u8, "error"u8);
            }

            writer.WriteStartObject("error"u8);
            writer.WriteString("type"u8, dialect == Dialect.Anthropic ? AnthropicType(status) : OpenAiType(status));
            writer.WriteString("message"u8, message);
            if (dialect == Dialect.OpenAi)
            {
                writer.WriteString("param"u8, parameter);
                writer.WriteString("code"u8, OpenAiCode(status, parameter));
            }

            writer.WriteEndObject();
            if (dialect == Dialect.Anthropic)
            {
                writer.WriteString("request_id"u8, http.Response.Headers["request-id"].ToString());
            }

            writer.WriteEndObject();
        }

        return http.Response.BodyWriter.FlushAsync(http.RequestAborted).AsTask();
    }

    private static string AnthropicType(int status) => status switch
    {
        404 or 405 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        >= 500 => "api_error",
        _ => "invalid_request_error",
    };

    private static string OpenAiType(int status) => status switch
    {
        429 => "rate_limit_error",
        >= 500 => "server_error",
        _ => "invalid_request_error",
    };

    private static string? OpenAiCode(int status, string? parameter) => status switch
    {
        404 when parameter == "model" => "model_not_found",
        429 => "rate_limit_exceeded",
        >= 500 => "server_error",
        _ => null,
    };
}
