namespace Forebay.Core.Serving.Providers;

/// <summary>Where a deployment is called: at the endpoint given or, at a provider whose endpoints follow from a place
/// or a resource, at that one.</summary>
public static class ProviderEndpoint
{
    /// <summary>The endpoint; null where the file names none.</summary>
    public static Uri? Of(DeploymentConfig deployment) => deployment.Endpoint ?? deployment.Api switch
    {
        ProviderApi.Bedrock => deployment.Aws?.Endpoint,
        ProviderApi.Vertex => deployment.Google?.Endpoint,
        ProviderApi.Azure => deployment.Azure?.Endpoint,
        _ => null,
    };
}
