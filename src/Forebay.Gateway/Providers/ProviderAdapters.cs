using System.Text.Json.Serialization;
using Forebay.Core.Serving;
using Forebay.Gateway.Providers.Azure;
using Forebay.Gateway.Providers.Bedrock;
using Forebay.Gateway.Providers.Direct;
using Forebay.Gateway.Providers.Vertex;
using Forebay.Gateway.Upstreams;

namespace Forebay.Gateway.Providers;

/// <summary>Which adapter calls which provider.</summary>
internal static class ProviderAdapters
{
    /// <summary>Makes the adapter of an upstream.</summary>
    /// <param name="identity">What the upstream is made from.</param>
    /// <param name="secret">The credential that the fleet file refers to, or null.</param>
    /// <exception cref="InvalidOperationException">It cannot be called with what it was given.</exception>
    public static ProviderAdapter Create(UpstreamIdentity identity, string? secret) => identity.Api switch
    {
        ProviderApi.Direct => new DirectAdapter(identity, secret),
        ProviderApi.Bedrock => new BedrockAdapter(identity, secret, TimeProvider.System),
        ProviderApi.Vertex => new VertexAdapter(identity, secret, TimeProvider.System),
        ProviderApi.Azure => new AzureAdapter(identity, secret, TimeProvider.System),
        _ => throw new InvalidOperationException($"api {identity.Api} is not called from here."),
    };
}

[JsonSerializable(typeof(string))]
internal sealed partial class ProviderJson : JsonSerializerContext;
