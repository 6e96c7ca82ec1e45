using Forebay.Core.Serving;
using Forebay.Protocols;
using Forebay.TestKit.Providers;
using Forebay.TestKit.Providers.Shapes;

namespace Forebay.FunctionalTests.Providers.Conformance;

/// <summary>The OpenAI endpoint of a vLLM server.</summary>
public sealed class VllmOpenAiUnderTest : ProviderUnderTest
{
    protected override ProviderShape NewShape() => new VllmShape(WireDialect.OpenAi, ApiKey);

    protected override DeploymentConfig Deploy(DeploymentConfig standard) => standard with { Backing = Backing.Real };
}

/// <summary>The Anthropic endpoint of a vLLM server, which takes no documents.</summary>
public sealed class VllmAnthropicUnderTest : ProviderUnderTest
{
    public override bool TakesDocuments => false;

    protected override ProviderShape NewShape() => new VllmShape(WireDialect.Anthropic, ApiKey);

    protected override DeploymentConfig Deploy(DeploymentConfig standard) =>
        standard with { Backing = Backing.Real, Modalities = [Modality.Text, Modality.Image] };
}

public sealed class VllmOpenAiByAnthropicClient(VllmOpenAiUnderTest under)
    : AnthropicClientConformance<VllmOpenAiUnderTest>(under);

public sealed class VllmOpenAiByOpenAiClient(VllmOpenAiUnderTest under)
    : OpenAiClientConformance<VllmOpenAiUnderTest>(under);

public sealed class VllmOpenAiFidelity(VllmOpenAiUnderTest under) : ProviderFidelityConformance<VllmOpenAiUnderTest>(under);

public sealed class VllmOpenAiFaults(VllmOpenAiUnderTest under) : ProviderFaultConformance<VllmOpenAiUnderTest>(under);

public sealed class VllmAnthropicByAnthropicClient(VllmAnthropicUnderTest under)
    : AnthropicClientConformance<VllmAnthropicUnderTest>(under);

public sealed class VllmAnthropicByOpenAiClient(VllmAnthropicUnderTest under)
    : OpenAiClientConformance<VllmAnthropicUnderTest>(under);

public sealed class VllmAnthropicFidelity(VllmAnthropicUnderTest under)
    : ProviderFidelityConformance<VllmAnthropicUnderTest>(under);

public sealed class VllmAnthropicFaults(VllmAnthropicUnderTest under)
    : ProviderFaultConformance<VllmAnthropicUnderTest>(under);
