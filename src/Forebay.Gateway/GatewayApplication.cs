using Forebay.Core.Access;
using Forebay.Gateway.Surfaces;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Forebay.Gateway;

/// <summary>What is kept from request to request of one connection.</summary>
internal sealed class GatewayConnection(IFeatureCollection features)
{
    public DefaultHttpContext Http { get; } = new(features);

    public SecretMemo Memo { get; } = new();
}

/// <summary>
/// What Kestrel calls for each request, without the hosting layer between: that one starts an activity, a log scope and
/// measurements of its own for each request, all of which the gateway has its own, cheaper ways for.
/// </summary>
internal sealed class GatewayApplication(GatewayHandler handler) : IHttpApplication<GatewayConnection>
{
    public GatewayConnection CreateContext(IFeatureCollection contextFeatures)
    {
        if (contextFeatures is not IHostContextContainer<GatewayConnection> connection)
        {
            return new GatewayConnection(contextFeatures);
        }

        if (connection.HostContext is { } kept)
        {
            kept.Http.Initialize(contextFeatures);
            return kept;
        }

        return connection.HostContext = new GatewayConnection(contextFeatures);
    }

    public Task ProcessRequestAsync(GatewayConnection context) => handler.HandleAsync(context.Http, context.Memo);

    public void DisposeContext(GatewayConnection context, Exception? exception) => context.Http.Uninitialize();
}
