using Forebay.Protocols;
using Forebay.TestKit.Providers.Scenes;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;

namespace Forebay.TestKit.Providers;

/// <summary>Plays one fault in place of an answer.</summary>
internal sealed class FaultPlayer(
    ProviderShape shape, Scene scene, HttpContext http, ProviderCall call, ReceivedRequest request)
{
    private const string Words = "The provider was told to fail.";

    public Task PlayAsync(ProviderFault fault) => fault switch
    {
        ProviderFault.Status status => StatusAsync(status),
        ProviderFault.ErrorInside => ErrorInsideAsync(),
        ProviderFault.ErrorMidway => shape.StreamAsync(http, [.. Beginning(), shape.Event(ErrorEvent())]),
        ProviderFault.WrongDialect => WrongDialectAsync(),
        ProviderFault.EndsEarly => EndsEarlyAsync(),
        ProviderFault.Cut cut => CutAsync(cut.After),
        ProviderFault.Says says => shape.StreamAsync(http, says.Events.Select(shape.Event)),
        ProviderFault.Silent => request.Aborted,
        _ => throw new ArgumentOutOfRangeException(nameof(fault), fault, "This fault cannot be played."),
    };

    private Task StatusAsync(ProviderFault.Status status)
    {
        if (status.RetryAfter is { } seconds)
        {
            http.Response.Headers.RetryAfter = seconds;
        }

        if (status.RetryAfterMs is { } ms)
        {
            http.Response.Headers["retry-after-ms"] = ms;
        }

        if (status.Envelope == FaultEnvelope.Html)
        {
            http.Response.StatusCode = status.Code;
            http.Response.ContentType = "text/html";
            return http.Response.WriteAsync($"<html><body>{status.Code}</body></html>");
        }

        var refusal = new ProviderRefusal(status.Code, status.Type, Words);
        if (status.Envelope == FaultEnvelope.Own)
        {
            shape.AddErrorHeaders(http.Response, refusal);
        }

        return ScriptedUpstream.JsonAsync(http, status.Code, status.Envelope == FaultEnvelope.Google
            ? GoogleError(status.Code, status.Type)
            : shape.ErrorBody(refusal));
    }

    private Task ErrorInsideAsync() => call.Stream
        ? shape.StreamAsync(http, [shape.Event(ErrorEvent())])
        : ScriptedUpstream.JsonAsync(http, 200, ErrorEvent());

    private Task WrongDialectAsync()
    {
        bool anthropic = shape.Dialect == WireDialect.Anthropic;
        if (!call.Stream)
        {
            return ScriptedUpstream.JsonAsync(
                http, 200, anthropic ? scene.OpenAiCompletion(call.Model) : scene.AnthropicMessage(call.Model));
        }

        return ScriptedUpstream.StreamAsync(http, anthropic ? Answers.OpenAiStream(true) : Answers.AnthropicStream);
    }

    private async Task EndsEarlyAsync()
    {
        if (call.Stream)
        {
            await shape.StreamAsync(http, Beginning());
            return;
        }

        string whole = shape.Answer(scene, call);
        await ScriptedUpstream.JsonAsync(http, 200, whole[..(whole.Length / 2)]);
    }

    private async Task CutAsync(Task? after)
    {
        if (call.Stream && after is not null)
        {
            await shape.StreamAsync(http, Beginning());
            await after;
        }

        http.Abort();
    }

    /// <summary>The events up to the middle of the text.</summary>
    private IEnumerable<string> Beginning()
    {
        IReadOnlyList<string> all = shape.Events(scene, call);
        return all.Take(Math.Max(3, all.Count / 2));
    }

    private string ErrorEvent() => shape.Dialect == WireDialect.Anthropic
        ? $$"""{"type":"error","error":{"type":"overloaded_error","message":"{{Words}}"},"request_id":"req_1"}"""
        : $$$"""{"error":{"message":"{{{Words}}}","type":"server_error","param":null,"code":null}}""";

    private static string GoogleError(int status, string type) =>
        $$$"""{"error":{"code":{{{status}}},"message":"{{{Words}}}","status":"{{{type}}}","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo"}]}}""";
}
