using Forebay.Core.Config;

namespace Forebay.Core.Serving.Providers;

/// <summary>Which resource of Microsoft Foundry or Azure OpenAI is called, and as whom.</summary>
public sealed record AzureConfig
{
    [ConfigKey("The resource's name; the endpoint follows from it where none is given.",
        Pattern = "[A-Za-z0-9][A-Za-z0-9-]{0,63}", Example = "contoso-ai")]
    public string? Resource { get; init; }

    [ConfigKey("Calls OpenAI models by deployment path with this version, for resources that lack /openai/v1. The " +
        "deployment is upstream_model.", Pattern = "[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?",
        Example = "2025-04-01-preview")]
    public string? ApiVersion { get; init; }

    [ConfigKey("Calls with a token of Microsoft Entra ID in place of the resource's key.")]
    public EntraConfig? Entra { get; init; }

    /// <summary>Where the resource is called; null where none is named.</summary>
    public Uri? Endpoint => Resource is null ? null : new Uri($"https://{Resource}.services.ai.azure.com");
}

/// <summary>Who asks Microsoft Entra ID for tokens: a client with a secret (the deployment's credential), a certificate
/// or a workload's token; or the machine's managed identity.</summary>
public sealed record EntraConfig
{
    [ConfigKey("The directory (tenant) id. Left out: the machine's managed identity asks.",
        Pattern = "[A-Za-z0-9][A-Za-z0-9.-]{0,127}")]
    public string? Tenant { get; init; }

    [ConfigKey("The application (client) id. With a managed identity: that of a user-assigned one.",
        Pattern = "[A-Za-z0-9-]{1,64}")]
    public string? Client { get; init; }

    [ConfigKey("PEM file with the client's certificate and its private key, in place of a secret.")]
    public string? CertificateFile { get; init; }

    [ConfigKey("File with the workload's own token, which is exchanged (workload identity federation). Read anew " +
        "each time.")]
    public string? TokenFile { get; init; }

    [ConfigKey("What the token is for.", Example = "https://cognitiveservices.azure.com/.default")]
    public string Scope { get; init; } = "https://ai.azure.com/.default";

    [ConfigKey("Where tokens are asked for, for sovereign clouds and stand-ins. Left out: " +
        "https://login.microsoftonline.com, or the machine's metadata service for a managed identity.")]
    public Uri? Authority { get; init; }

    /// <summary>Whether the machine's managed identity asks.</summary>
    public bool IsManagedIdentity => Tenant is null;
}
