using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Forebay.Core.Access;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin;

/// <summary>One call of the admin API: who calls, what was sent, how to answer.</summary>
internal sealed class AdminCall(HttpContext context, string requestId)
{
    public HttpContext Http => context;

    public string RequestId => requestId;

    /// <summary>The token it was authorised by; null on routes open to everybody.</summary>
    public AdminToken? Caller { get; set; }

    /// <summary>Who calls, for the audit log: the token's id and name.</summary>
    public string Actor => Caller is { } token
        ? $"{token.Id} ({token.Name})"
        : throw new InvalidOperationException("Only an authorised route changes anything.");

    public CancellationToken Cancel => context.RequestAborted;

    /// <summary>The <c>{id}</c> of the path.</summary>
    public string Id => (string)context.Request.RouteValues["id"]!;

    /// <summary>The same where it is a name that may hold slashes, such as vendor/model: all of a path is decoded but
    /// those.</summary>
    public string Name => Id.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads the body as a JSON object, to be read field by field; an empty body is an empty object.</summary>
    /// <exception cref="BadHttpRequestException">Not JSON, not an object, or too large.</exception>
    public async Task<BodyFields> ReadBodyAsync()
    {
        HttpRequest request = context.Request;
        using var buffer = new MemoryStream();
        byte[] chunk = new byte[16 * 1024];
        long length = 0;
        int read;
        while ((read = await request.Body.ReadAsync(chunk, Cancel).ConfigureAwait(false)) > 0)
        {
            length += read;
            if (length <= AdminServer.MaxBodyBytes)
            {
                buffer.Write(chunk, 0, read);
            }
        }

        if (length > AdminServer.MaxBodyBytes)
        {
            // Read to its end first: closing over unread bytes resets the connection, and the refusal is lost.
            throw new BadHttpRequestException("The body is too large.", StatusCodes.Status413PayloadTooLarge);
        }

        ReadOnlyMemory<byte> body = buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
        if (body.IsEmpty)
        {
            return new BodyFields(null);
        }

        if (!request.HasJsonContentType())
        {
            throw new BadHttpRequestException(
                "The body must be JSON. Send the header content-type: application/json.",
                StatusCodes.Status415UnsupportedMediaType);
        }

        try
        {
            var options = new JsonDocumentOptions { MaxDepth = 16, AllowDuplicateProperties = false };
            using var document = JsonDocument.Parse(body, options);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new BodyFields(document.RootElement.Clone())
                : throw new BadHttpRequestException("The body must be a JSON object, such as {\"name\": \"ci\"}.");
        }
        catch (JsonException e)
        {
            string where = e.LineNumber is { } line ? $" at line {line + 1}, byte {e.BytePositionInLine + 1}" : "";
            throw new BadHttpRequestException(
                $"The body is not valid JSON{where}: check for cut-off text, stray commas and repeated names.", e);
        }
    }

    public Task ReplyAsync<T>(int status, T body, JsonTypeInfo<T> type, string contentType = "application/json")
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(body, type);
        return ReplyAsync(status, json, contentType);
    }

    public Task ReplyTextAsync(string text, string contentType) =>
        ReplyAsync(StatusCodes.Status200OK, Encoding.UTF8.GetBytes(text), contentType);

    private async Task ReplyAsync(int status, byte[] body, string contentType)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = contentType;
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, Cancel).ConfigureAwait(false);
    }
}
