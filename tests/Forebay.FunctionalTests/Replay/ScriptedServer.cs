using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Forebay.FunctionalTests.Replay;

/// <summary>What the scripted server saw of one request.</summary>
internal sealed record SeenRequest(
    string Path,
    string Model,
    int MaxTokens,
    IReadOnlyList<(string Role, string Text)> Messages,
    IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>The first message.</summary>
    public string Prompt => Messages[0].Text;
}

/// <summary>
/// A server on loopback that speaks both dialects. Its script decides each answer; without one it streams as many
/// tokens as asked, one an event.
/// </summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly List<SeenRequest> _seen = [];

    private ScriptedServer(WebApplication app) => _app = app;

    /// <summary>Answers a request instead of the default; returns false to leave it to the default.</summary>
    public Func<SeenRequest, HttpContext, Task<bool>> Script { get; set; } = (_, _) => Task.FromResult(false);

    public Uri Url => new(
        _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    public IReadOnlyList<SeenRequest> Seen
    {
        get
        {
            lock (_seen)
            {
                return [.. _seen];
            }
        }
    }

    public static async Task<ScriptedServer> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        WebApplication app = builder.Build();
        var server = new ScriptedServer(app);
        app.MapGet("/v1/models", ListModels);
        app.MapPost("/v1/{**path}", server.AnswerAsync);
        await app.StartAsync();
        return server;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    public static async Task StreamAsync(SeenRequest request, HttpContext context, bool end = true)
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers["x-forebay-provider"] = "alpha";
        context.Response.Headers["x-forebay-deployment"] = $"alpha-{request.Model}";
        context.Response.Headers["x-forebay-backing"] = "emulated";
        var text = new StringBuilder();
        if (request.Path == "messages")
        {
            AppendAnthropic(text, request, end);
        }
        else
        {
            AppendOpenAi(text, request, end);
        }

        await context.Response.WriteAsync(text.ToString());
    }

    private static IResult ListModels(HttpContext context) =>
        context.Request.Headers.Authorization == "Bearer good-key"
            ? Results.Text("""{"object":"list","data":[{"id":"small"},{"id":"large"}]}""", "application/json")
            : Results.StatusCode(401);

    private static void AppendAnthropic(StringBuilder to, SeenRequest request, bool end)
    {
        to.Append("event: message_start\ndata: {\"message\":{\"usage\":{\"input_tokens\":")
            .Append(request.Messages.Sum(m => m.Text.Length) / 4).Append("}}}\n\n");
        for (int i = 0; i < request.MaxTokens; i++)
        {
            to.Append("event: content_block_delta\ndata: {\"delta\":{\"text\":\"abc \"}}\n\n");
        }

        to.Append("event: message_delta\ndata: {\"usage\":{\"output_tokens\":")
            .Append(request.MaxTokens).Append("}}\n\n")
            .Append(end ? "event: message_stop\ndata: {}\n\n" : "");
    }

    private static void AppendOpenAi(StringBuilder to, SeenRequest request, bool end)
    {
        for (int i = 0; i < request.MaxTokens; i++)
        {
            to.Append("data: {\"choices\":[{\"delta\":{\"content\":\"abc \"}}]}\n\n");
        }

        to.Append("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":").Append(request.Messages.Sum(m => m.Text.Length) / 4)
            .Append(",\"completion_tokens\":").Append(request.MaxTokens).Append("}}\n\n")
            .Append(end ? "data: [DONE]\n\n" : "");
    }

    private async Task AnswerAsync(HttpContext context, string path)
    {
        using JsonDocument body = await JsonDocument.ParseAsync(context.Request.Body);
        var request = new SeenRequest(
            path,
            body.RootElement.GetProperty("model").GetString()!,
            body.RootElement.GetProperty("max_tokens").GetInt32(),
            [
                .. body.RootElement.GetProperty("messages").EnumerateArray().Select(
                    m => (m.GetProperty("role").GetString()!, m.GetProperty("content").GetString()!)),
            ],
            context.Request.Headers.ToDictionary(
                h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase));
        lock (_seen)
        {
            _seen.Add(request);
        }

        if (!await Script(request, context))
        {
            await StreamAsync(request, context);
        }
    }
}
