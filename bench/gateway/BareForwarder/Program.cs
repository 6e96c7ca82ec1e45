// The least a C# gateway can be: Kestrel to SocketsHttpHandler, nothing in between. What a gateway costs on top is its own.
using System.Buffers;
using System.Net;

int port = int.Parse(args[0]);
string upstream = args[1];
var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
builder.WebHost.UseKestrelCore().ConfigureKestrel(k =>
{
    k.Listen(IPAddress.Loopback, port);
    k.Limits.MaxRequestBodySize = null;
    k.AddServerHeader = false;
});
WebApplication app = builder.Build();
using var invoker = new HttpMessageInvoker(new SocketsHttpHandler { UseCookies = false, UseProxy = false });
app.Run(async http =>
{
    using var request = new HttpRequestMessage(HttpMethod.Post, upstream + http.Request.Path);
    request.Content = new StreamContent(http.Request.Body);
    request.Content.Headers.ContentLength = http.Request.ContentLength;
    request.Content.Headers.TryAddWithoutValidation("Content-Type", http.Request.ContentType);
    request.Headers.TryAddWithoutValidation("Authorization", http.Request.Headers.Authorization.ToString());
    using HttpResponseMessage response = await invoker.SendAsync(request, http.RequestAborted);
    http.Response.StatusCode = (int)response.StatusCode;
    http.Response.ContentType = response.Content.Headers.ContentType?.ToString();
    http.Response.ContentLength = response.Content.Headers.ContentLength;
    Stream from = await response.Content.ReadAsStreamAsync(http.RequestAborted);
    byte[] buffer = ArrayPool<byte>.Shared.Rent(16 * 1024);
    for (int read; (read = await from.ReadAsync(buffer, http.RequestAborted)) > 0;)
    {
        await http.Response.Body.WriteAsync(buffer.AsMemory(0, read), http.RequestAborted);
    }

    ArrayPool<byte>.Shared.Return(buffer);
});
await app.RunAsync();
