using Forebay.Gateway.Surfaces;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Forebay.Gateway;

/// <summary>
/// What Kestrel calls for each request, without the hosting layer between: that one starts an activity, a log scope and
/// measurements of its own for each request, all of which the gateway has its own, cheaper ways for.
/// </summary>
internal sealed class GatewayApplication(GatewayHandler handler) : IHttpApplication<HttpContext>
{
    /// <summary>One context for all requests of a connection, where the server can keep it.</summary>
    public HttpContext CreateContext(IFeatureCollection contextFeatures)
    {
        if (contextFeatures is not IHostContextContainer<HttpContext> connection)
        {
            return new DefaultHttpContext(contextFeatures);
        }

        if (connection.HostContext is DefaultHttpContext kept)
        {
            kept.Initialize(contextFeatures);
            return kept;
        }

        return connection.HostContext = new DefaultHttpContext(contextFeatures);
    }

    public Task ProcessRequestAsync(HttpContext context) => handler.HandleAsync(context);

    public void DisposeContext(HttpContext context, Exception? exception) =>
        ((DefaultHttpContext)context).Uninitialize();
}
