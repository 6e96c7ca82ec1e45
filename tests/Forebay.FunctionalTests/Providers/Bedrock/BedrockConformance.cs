using System.Collections.Frozen;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Providers;
using Forebay.FunctionalTests.Providers.Conformance;
using Forebay.TestKit.Providers;
using Forebay.TestKit.Providers.Bedrock;

namespace Forebay.FunctionalTests.Providers.Bedrock;

/// <summary>Claude on Amazon Bedrock, signed for.</summary>
public sealed class BedrockUnderTest : ProviderUnderTest
{
    private readonly BedrockAccount _account = new("us-east-1");

    public override string Model => "anthropic.claude-sonnet-4-5-20250929-v1:0";

    public override FrozenSet<string> Removed { get; } = ["model", "stream"];

    public override FrozenSet<string> Added { get; } = ["anthropic_version"];

    /// <summary>The suite's own member and beta are none of Bedrock's.</summary>
    protected override ProviderShape NewShape() => new BedrockShape(_account, "aura");

    protected override DeploymentConfig Deploy(DeploymentConfig standard)
    {
        _account.Allow("AKIDCONFORMANCE", "conformance+/secret", "conformance-token");
        return standard with
        {
            Api = ProviderApi.Bedrock,
            Aws = new AwsConfig
            {
                Region = "us-east-1", AnthropicVersions = ["2026-10-21"], AllowBetas = ["aura-2027-01-01"],
            },
            Credential = AwsProfiles.Add("AKIDCONFORMANCE", "conformance+/secret", "conformance-token"),
        };
    }
}

public sealed class BedrockByAnthropicClient(BedrockUnderTest under) : AnthropicClientConformance<BedrockUnderTest>(under);

public sealed class BedrockByOpenAiClient(BedrockUnderTest under) : OpenAiClientConformance<BedrockUnderTest>(under);

public sealed class BedrockFidelity(BedrockUnderTest under) : ProviderFidelityConformance<BedrockUnderTest>(under);

public sealed class BedrockFaults(BedrockUnderTest under) : ProviderFaultConformance<BedrockUnderTest>(under);
