using System.Text.Json;
using Forebay.Core.Serving;
using Forebay.Emulator.Engine;
using Forebay.Emulator.Wire;
using Microsoft.AspNetCore.Http;

namespace Forebay.Emulator.Http;

/// <summary>Routes one deployment's requests and turns failures into answers.</summary>
internal sealed class EngineServer(EmulatedDeployment deployment)
{
    private const string Version = "0.1.0+forebay.emulated";

    private readonly ChatHandler _chat = new(deployment);
    private readonly EmbeddingHandler _embeddings = new(deployment);

    public async Task HandleAsync(HttpContext http)
    {
        http.Response.Headers["x-emulator"] = "forebay-engine";
        http.Response.Headers.Server = "forebay-engine (emulated)";
        string path = http.Request.Path.Value ?? "/";
        bool isMessages = path.StartsWith("/v1/messages", StringComparison.Ordinal);
        Dialect dialect = isMessages ? Dialect.Anthropic : Dialect.OpenAi;
        try
        {
            await RouteAsync(http, path, dialect);
        }
        catch (BadRequestException e)
        {
            await ErrorWriter.WriteAsync(http, dialect, e.Status, e.Message, e.Parameter);
        }
        catch (BadHttpRequestException e)
        {
            await ErrorWriter.WriteAsync(http, dialect, e.StatusCode, e.Message);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            http.Abort();
        }
        catch (InvalidOperationException e)
        {
            if (http.Response.HasStarted)
            {
                http.Abort();
            }
            else
            {
                await ErrorWriter.WriteAsync(http, dialect, 500, e.Message);
            }
        }
    }

    private Task RouteAsync(HttpContext http, string path, Dialect dialect)
    {
        bool isPost = HttpMethods.IsPost(http.Request.Method);
        bool isGet = HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method);
        return path switch
        {
            "/v1/chat/completions" or "/v1/embeddings" or "/v1/messages" or "/v1/messages/count_tokens"
                when !deployment.Speaks(dialect) =>
                throw new BadRequestException($"Deployment {deployment.Spec.Id} does not speak this dialect.", 404),
            "/v1/chat/completions" or "/v1/messages" when isPost => _chat.HandleAsync(http, dialect),
            "/v1/embeddings" when isPost => _embeddings.HandleAsync(http),
            "/v1/messages/count_tokens" when isPost => _chat.CountAsync(http),
            "/v1/models" when isGet => WriteModelsAsync(http),
            "/health" or "/ping" when isGet => http.Response.CompleteAsync(),
            "/version" when isGet => WriteAsync(http, "application/json", $"{{\"version\":\"{Version}\"}}"),
            "/metrics" when isGet =>
                WriteAsync(http, "text/plain; version=0.0.4; charset=utf-8", MetricsWriter.Write(deployment)),
            "/v1/chat/completions" or "/v1/embeddings" or "/v1/messages" or "/v1/messages/count_tokens" or "/v1/models"
                or "/health" or "/ping" or "/version" or "/metrics" =>
                throw new BadRequestException($"{http.Request.Method} is not allowed on {path}.", 405),
            _ => throw new BadRequestException($"There is nothing at {path}.", 404),
        };
    }

    private static Task WriteAsync(HttpContext http, string type, string text)
    {
        http.Response.ContentType = type;
        return http.Response.WriteAsync(text);
    }

    /// <summary>One list that clients of both dialects read.</summary>
    private async Task WriteModelsAsync(HttpContext http)
    {
        http.Response.ContentType = "application/json";
        string id = deployment.Spec.Model;
        await using (var writer = new Utf8JsonWriter(http.Response.BodyWriter))
        {
            writer.WriteStartObject();
            writer.WriteString("object"u8, "list"u8);
            writer.WriteStartArray("data"u8);
            writer.WriteStartObject();
            writer.WriteString("id"u8, id);
            writer.WriteString("object"u8, "model"u8);
            writer.WriteString("type"u8, "model"u8);
            writer.WriteString("display_name"u8, id);
            writer.WriteNumber("created"u8, deployment.StartedUnixSeconds);
            writer.WriteString("created_at"u8, DateTimeOffset.FromUnixTimeSeconds(deployment.StartedUnixSeconds));
            writer.WriteString("owned_by"u8, "forebay-engine"u8);
            writer.WriteNumber("max_model_len"u8, deployment.Parameters.ContextTokens);
            writer.WriteNumber("max_input_tokens"u8, deployment.Parameters.ContextTokens);
            writer.WriteNumber("max_tokens"u8, deployment.MaxOutputTokens);
            writer.WriteEndObject();
            writer.WriteEndArray();
            writer.WriteBoolean("has_more"u8, false);
            writer.WriteString("first_id"u8, id);
            writer.WriteString("last_id"u8, id);
            writer.WriteEndObject();
        }

        await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
    }
}
