using System.Collections.Frozen;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Providers;
using Forebay.TestKit;
using Forebay.TestKit.Providers;
using Forebay.TestKit.Providers.Shapes;

namespace Forebay.FunctionalTests.Providers.Conformance;

/// <summary>Anthropic's models on Google Vertex, called as a service account.</summary>
public sealed class VertexUnderTest : ProviderUnderTest
{
    private readonly TemporaryFolder _folder = new();

    public override string Model => "claude-sonnet-4-5@20250929";

    public override bool Refreshes => true;

    public override FrozenSet<string> Removed { get; } = ["model"];

    public override FrozenSet<string> Added { get; } = ["anthropic_version"];

    private string KeyFile => Path.Combine(_folder.Path, "account.json");

    protected override Task PrepareAsync() =>
        File.WriteAllTextAsync(KeyFile, Tokens.NewAccount("forebay-test").Json(Tokens.Address));

    protected override ProviderShape NewShape() => new VertexShape(Tokens.IsToken, "forebay-test", "us-east5");

    protected override DeploymentConfig Deploy(DeploymentConfig standard) => standard with
    {
        Api = ProviderApi.Vertex,
        Google = new GoogleConfig { Project = "forebay-test", Location = "us-east5" },
        Credential = "google:file/" + KeyFile,
    };

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }
}

public sealed class VertexByAnthropicClient(VertexUnderTest under) : AnthropicClientConformance<VertexUnderTest>(under);

public sealed class VertexByOpenAiClient(VertexUnderTest under) : OpenAiClientConformance<VertexUnderTest>(under);

public sealed class VertexFidelity(VertexUnderTest under) : ProviderFidelityConformance<VertexUnderTest>(under);

public sealed class VertexFaults(VertexUnderTest under) : ProviderFaultConformance<VertexUnderTest>(under);

public sealed class VertexCredential(VertexUnderTest under) : CredentialConformance<VertexUnderTest>(under);
