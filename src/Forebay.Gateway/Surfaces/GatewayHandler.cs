using System.Diagnostics;
using Forebay.Core.Access;
using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Core.Time;
using Forebay.Gateway.Batches;
using Forebay.Gateway.Pipeline;
using Forebay.Gateway.Replies;
using Forebay.Gateway.Telemetry;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Surfaces;

/// <summary>
/// What clients can call, matched on the path alone: query strings such as <c>?beta=true</c> never matter.
/// </summary>
internal sealed class GatewayHandler
{
    private const string Messages = "/v1/messages";
    private const string CountTokens = "/v1/messages/count_tokens";
    private const string ChatCompletions = "/v1/chat/completions";
    private const string Responses = "/v1/responses";
    private const string Embeddings = "/v1/embeddings";
    private const string Models = "/v1/models";
    private const string Limits = "/v1/limits";

    private readonly GatewayRuntime _runtime;
    private readonly RequestPipeline _pipeline;
    private readonly ModelsSurface _models;
    private readonly ResponsesSurface _responses;
    private readonly BatchHandler? _batches;
    private readonly Func<Exchange, Task> _call;
    private readonly Func<Exchange, Task> _countTokens;
    private readonly Func<Exchange, Task> _listModels;
    private readonly Func<Exchange, Task> _limits;

    public GatewayHandler(GatewayRuntime runtime)
    {
        _runtime = runtime;
        _pipeline = new RequestPipeline(runtime);
        _models = new ModelsSurface(runtime);
        _responses = new ResponsesSurface(runtime);
        _batches = runtime.Batches is { } desk ? new BatchHandler(runtime, desk) : null;
        _call = CallAsync;
        _countTokens = new CountTokensSurface(runtime).HandleAsync;
        _listModels = _models.ListAsync;
        _limits = new LimitsSurface(runtime).HandleAsync;
    }

    public Task HandleAsync(HttpContext http, SecretMemo memo)
    {
        string path = http.Request.Path.Value ?? "/";
        return path switch
        {
            Messages => ServeAsync(http, memo, Dialect.Anthropic, "POST", _call),
            ChatCompletions => ServeAsync(http, memo, Dialect.OpenAi, "POST", _call),
            Responses => ServeAsync(http, memo, Dialect.Responses, "POST", _call),
            Embeddings => ServeAsync(http, memo, Dialect.OpenAi, "POST", _call, embeds: true),
            CountTokens => ServeAsync(http, memo, Dialect.Anthropic, "POST", _countTokens),
            Models => ServeAsync(http, memo, DialectOf(http), "GET", _listModels),
            Limits => ServeAsync(http, memo, DialectOf(http), "GET", _limits),
            "/" or "/api/hello" => HelloAsync(http),
            _ when StoredResponse.TryParse(path, out StoredResponse stored) =>
                ServeAsync(http, memo, Dialect.Responses, stored.MethodFor(http.Request.Method), x =>
                    _responses.HandleAsync(x, stored)),
            _ when path.StartsWith(Models + "/", StringComparison.Ordinal) =>
                ServeAsync(http, memo, DialectOf(http), "GET", x => _models.OneAsync(x, ModelIdOf(path))),
            _ when _batches is not null && BatchHandler.Serves(path) => _batches.HandleAsync(http, memo, path),
            _ => ServeAsync(http, memo, DialectOf(http), http.Request.Method, x => NoSuchPathAsync(x, path)),
        };
    }

    /// <summary>Kestrel decodes all of a path but its escaped slashes, and names such as vendor/model have them.
    /// </summary>
    private static string ModelIdOf(string path) =>
        path[(Models.Length + 1)..].Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);

    /// <summary>Paths that both dialects share answer in the dialect of the caller, told by its version
    /// header.</summary>
    private static Dialect DialectOf(HttpContext http) =>
        http.Request.Headers.ContainsKey("anthropic-version") ? Dialect.Anthropic : Dialect.OpenAi;

    private Task ServeAsync(
        HttpContext http,
        SecretMemo memo,
        Dialect dialect,
        string method,
        Func<Exchange, Task> serve,
        bool embeds = false)
    {
        var now = Instant.From(_runtime.Time);
        var x = new Exchange(http, _runtime.State.InForce, dialect, RequestId.New(now.WallUnixMs), now)
        {
            Memo = memo,
            Embeds = embeds,
        };
        PipelineHeaders.RequestId(http, x.IdText);
        string actual = http.Request.Method;
        if (actual != method && !(method == "GET" && HttpMethods.IsHead(actual)))
        {
            http.Response.Headers.Allow = method;
            return ErrorReply.SendAsync(
                http,
                x.Wire,
                new Failure(
                    Reason.MethodNotAllowed, $"{http.Request.Path} answers {method} only, not {Short(actual)}."),
                x.IdText);
        }

        return serve(x);
    }

    private async Task CallAsync(Exchange x)
    {
        using Activity? span = _runtime.Metrics.Begin(x);
        try
        {
            await _pipeline.HandleAsync(x);
        }
        catch (InvalidOperationException e)
        {
            Log.InvariantBroken(_runtime.Logger, x.IdText, e);
            x.Http.Abort();
        }
        finally
        {
            _runtime.Metrics.End();
        }
    }

    private static Task HelloAsync(HttpContext http)
    {
        http.Response.ContentType = "application/json";
        byte[] body = """{"service":"forebay"}"""u8.ToArray();
        http.Response.ContentLength = body.Length;
        return HttpMethods.IsHead(http.Request.Method)
            ? Task.CompletedTask
            : http.Response.Body.WriteAsync(body).AsTask();
    }

    private static Task NoSuchPathAsync(Exchange x, string path) => ErrorReply.SendAsync(
        x.Http,
        x.Wire,
        new Failure(
            Reason.NoSuchPath,
            $"Nothing is served at {Short(path)}. Call POST {Messages}, POST {CountTokens}, POST {ChatCompletions}, " +
            $"POST {Responses}, POST {Embeddings}, GET {Models} or GET {Limits}."),
        x.IdText);

    private static string Short(string text) => text.Length <= 100 ? text : text[..100] + "...";
}
