using System.Buffers;
using Forebay.Core.Errors;
using Forebay.Gateway.Pipeline;
using Forebay.Protocols;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Replies;

/// <summary>
/// Tells the client of a failure in its own dialect: as a status and an envelope while nothing went out, as an
/// in-stream error event afterwards.
/// </summary>
internal static class ErrorReply
{
    /// <summary>Whether a failure must be told inside a stream that has begun. If not, the response is taken: nothing
    /// is streamed any more.</summary>
    public static async ValueTask<bool> IsInStreamAsync(Exchange x)
    {
        try
        {
            return x.Stream is { } stream && !await stream.TryTakeAsync(x.Http.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            return x.Stream!.Started;
        }
    }

    /// <summary>The status of a failure that is told plainly.</summary>
    public static int StatusOf(WireDialect wire, Reason reason)
    {
        ReasonRow row = ReasonTable.For(reason);
        return wire == WireDialect.Anthropic ? row.AnthropicStatus : row.OpenAiStatus;
    }

    /// <summary>Sends the failure of a model call. A client that is gone is no error.</summary>
    public static async Task SendAsync(Exchange x, Failure failure, bool inStream)
    {
        if (inStream)
        {
            var last = new ArrayBufferWriter<byte>(512);
            Words words = Words.Of(x.Wire, failure);
            ErrorEnvelope.WriteStreamEvent(
                last, x.Wire, words.Type, words.Code, failure.Message, failure.Param, x.IdText, x.NextSequence);
            await IgnoreGoneAsync(x.Stream!.EndAsync(last.WrittenMemory, x.Http.RequestAborted));
            return;
        }

        if (x.Http.Response.HasStarted)
        {
            // Half a plain answer went out; only a cut connection can say so.
            x.Http.Abort();
            return;
        }

        await SendAsync(x.Http, x.Wire, failure, x.IdText);
    }

    /// <summary>Sends a failure as status and envelope.</summary>
    public static async Task SendAsync(HttpContext http, WireDialect wire, Failure failure, string requestId)
    {
        ReasonRow row = ReasonTable.For(failure.Reason);
        HttpResponse response = http.Response;
        response.StatusCode = StatusOf(wire, failure.Reason);
        response.Headers[PipelineHeaders.Reason] = row.Label;
        if ((failure.ShouldRetry ?? row.Advises) is { } retry)
        {
            response.Headers["x-should-retry"] = retry ? "true" : "false";
        }

        if (failure.RetryAfterSeconds is { } seconds)
        {
            response.Headers.RetryAfter = seconds.ToString();
        }

        var body = new ArrayBufferWriter<byte>(512);
        Words words = Words.Of(wire, failure);
        ErrorEnvelope.Write(body, wire, words.Type, words.Code, failure.Message, failure.Param, requestId);
        response.ContentType = "application/json";
        response.ContentLength = body.WrittenCount;
        bool unread = http.Request.ContentLength is > 0 || http.Request.Headers.TransferEncoding.Count > 0;
        if (HttpMethods.IsHead(http.Request.Method))
        {
            return;
        }

        await IgnoreGoneAsync(WriteAsync(http, body.WrittenMemory));
        if (unread)
        {
            await UnreadBody.DrainAsync(http);
        }
    }

    private static async ValueTask WriteAsync(HttpContext http, ReadOnlyMemory<byte> body)
    {
        await http.Response.Body.WriteAsync(body, http.RequestAborted);
        await http.Response.Body.FlushAsync(http.RequestAborted);
    }

    private static async ValueTask IgnoreGoneAsync(ValueTask send)
    {
        try
        {
            await send;
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or InvalidOperationException)
        {
            // The client did not wait for the error; it is in the log all the same.
        }
    }

    /// <summary>The dialect's words for a failure.</summary>
    private readonly record struct Words(string Type, string? Code)
    {
        public static Words Of(WireDialect wire, Failure failure)
        {
            ReasonRow row = ReasonTable.For(failure.Reason);
            return wire == WireDialect.Anthropic
                ? new Words(row.AnthropicType, null)
                : new Words(row.OpenAiType, row.OpenAiCode);
        }
    }
}
