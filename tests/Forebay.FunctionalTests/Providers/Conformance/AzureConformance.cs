using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Providers;
using Forebay.TestKit;
using Forebay.TestKit.Providers;
using Forebay.TestKit.Providers.Shapes;

namespace Forebay.FunctionalTests.Providers.Conformance;

/// <summary>Azure, called with the resource's key or with tokens of Entra ID.</summary>
public abstract class AzureUnderTest : ProviderUnderTest
{
    protected const string Client = "0b1f-client";
    protected const string Secret = ApiKey;

    /// <summary>What the deployment says beside its resource.</summary>
    protected virtual AzureConfig Azure => new() { Resource = "contoso" };

    public override bool Refreshes => Azure.Entra is not null;

    protected EntraConfig Entra => new() { Tenant = "contoso.onmicrosoft.com", Client = Client, Authority = Tokens.Address };

    protected bool IsCredential(string sent, bool isToken) => Azure.Entra is null
        ? !isToken && sent == ApiKey
        : isToken && Tokens.IsToken(sent);

    protected override DeploymentConfig Deploy(DeploymentConfig standard) =>
        standard with { Api = ProviderApi.Azure, Azure = Azure };
}

/// <summary>Claude in Foundry, by key.</summary>
public sealed class AzureAnthropicUnderTest : AzureUnderTest
{
    protected override ProviderShape NewShape() => new AzureAnthropicShape(IsCredential, Model);
}

/// <summary>Azure OpenAI under its versionless path, by a client with a secret.</summary>
public sealed class AzureOpenAiUnderTest : AzureUnderTest
{
    protected override AzureConfig Azure => base.Azure with { Entra = Entra };

    protected override Task PrepareAsync()
    {
        Tokens.Clients[Client] = Secret;
        return Task.CompletedTask;
    }

    protected override ProviderShape NewShape() => new AzureOpenAiShape(IsCredential, Model, null);
}

/// <summary>Azure OpenAI by the deployment's path, by key.</summary>
public sealed class AzureDeploymentUnderTest : AzureUnderTest
{
    private const string Version = "2025-04-01-preview";

    protected override AzureConfig Azure => base.Azure with { ApiVersion = Version };

    protected override ProviderShape NewShape() => new AzureOpenAiShape(IsCredential, Model, Version);
}

/// <summary>Claude in Foundry, by a client with a certificate.</summary>
public sealed class AzureCertificateUnderTest : AzureUnderTest
{
    private readonly TemporaryFolder _folder = new();

    protected override AzureConfig Azure => base.Azure with
    {
        Entra = Entra with { CertificateFile = Path.Combine(_folder.Path, "client.pem") },
    };

    protected override async Task PrepareAsync()
    {
        using var key = RSA.Create(2048);
        X509Certificate2 certificate = new CertificateRequest(
            "CN=forebay", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        await File.WriteAllTextAsync(
            Azure.Entra!.CertificateFile!, certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
        Tokens.Certificates[Client] = certificate;
    }

    protected override ProviderShape NewShape() => new AzureAnthropicShape(IsCredential, Model);

    protected override DeploymentConfig Deploy(DeploymentConfig standard) => base.Deploy(standard) with { Credential = null };

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }
}

/// <summary>Claude in Foundry, by a workload's own token, exchanged.</summary>
public sealed class AzureWorkloadUnderTest : AzureUnderTest
{
    private readonly TemporaryFolder _folder = new();

    protected override AzureConfig Azure => base.Azure with
    {
        Entra = Entra with { TokenFile = Path.Combine(_folder.Path, "token") },
    };

    protected override async Task PrepareAsync()
    {
        await File.WriteAllTextAsync(Azure.Entra!.TokenFile!, "the.workloads.token\n");
        Tokens.Federated[Client] = "the.workloads.token";
    }

    protected override ProviderShape NewShape() => new AzureAnthropicShape(IsCredential, Model);

    protected override DeploymentConfig Deploy(DeploymentConfig standard) => base.Deploy(standard) with { Credential = null };

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }
}

/// <summary>Claude in Foundry, by the machine's managed identity.</summary>
public sealed class AzureManagedIdentityUnderTest : AzureUnderTest
{
    protected override AzureConfig Azure => base.Azure with { Entra = new EntraConfig { Authority = Tokens.Address } };

    protected override ProviderShape NewShape() => new AzureAnthropicShape(IsCredential, Model);

    protected override DeploymentConfig Deploy(DeploymentConfig standard) => base.Deploy(standard) with { Credential = null };
}

public sealed class AzureAnthropicByAnthropicClient(AzureAnthropicUnderTest under)
    : AnthropicClientConformance<AzureAnthropicUnderTest>(under);

public sealed class AzureAnthropicByOpenAiClient(AzureAnthropicUnderTest under)
    : OpenAiClientConformance<AzureAnthropicUnderTest>(under);

public sealed class AzureAnthropicFidelity(AzureAnthropicUnderTest under)
    : ProviderFidelityConformance<AzureAnthropicUnderTest>(under);

public sealed class AzureAnthropicFaults(AzureAnthropicUnderTest under)
    : ProviderFaultConformance<AzureAnthropicUnderTest>(under);

public sealed class AzureOpenAiByAnthropicClient(AzureOpenAiUnderTest under)
    : AnthropicClientConformance<AzureOpenAiUnderTest>(under);

public sealed class AzureOpenAiByOpenAiClient(AzureOpenAiUnderTest under)
    : OpenAiClientConformance<AzureOpenAiUnderTest>(under);

public sealed class AzureOpenAiFidelity(AzureOpenAiUnderTest under) : ProviderFidelityConformance<AzureOpenAiUnderTest>(under);

public sealed class AzureOpenAiFaults(AzureOpenAiUnderTest under) : ProviderFaultConformance<AzureOpenAiUnderTest>(under);

public sealed class AzureDeploymentByOpenAiClient(AzureDeploymentUnderTest under)
    : OpenAiClientConformance<AzureDeploymentUnderTest>(under);

public sealed class AzureDeploymentFidelity(AzureDeploymentUnderTest under)
    : ProviderFidelityConformance<AzureDeploymentUnderTest>(under);

public sealed class AzureSecretCredential(AzureOpenAiUnderTest under) : CredentialConformance<AzureOpenAiUnderTest>(under);

public sealed class AzureCertificateCredential(AzureCertificateUnderTest under)
    : CredentialConformance<AzureCertificateUnderTest>(under);

public sealed class AzureWorkloadCredential(AzureWorkloadUnderTest under)
    : CredentialConformance<AzureWorkloadUnderTest>(under);

public sealed class AzureManagedIdentityCredential(AzureManagedIdentityUnderTest under)
    : CredentialConformance<AzureManagedIdentityUnderTest>(under);
