using Forebay.Core.Serving;
using Forebay.TestKit.Providers;
using Forebay.TestKit.Providers.Shapes;

namespace Forebay.FunctionalTests.Providers.Conformance;

/// <summary>Anthropic's own API.</summary>
public sealed class AnthropicUnderTest : ProviderUnderTest
{
    protected override ProviderShape NewShape() => new AnthropicShape(ApiKey);

    protected override DeploymentConfig Deploy(DeploymentConfig standard) => standard;
}

/// <summary>OpenAI's own API.</summary>
public sealed class OpenAiUnderTest : ProviderUnderTest
{
    protected override ProviderShape NewShape() => new OpenAiShape(ApiKey);

    protected override DeploymentConfig Deploy(DeploymentConfig standard) => standard;
}

public sealed class AnthropicByAnthropicClient(AnthropicUnderTest under)
    : AnthropicClientConformance<AnthropicUnderTest>(under);

public sealed class AnthropicByOpenAiClient(AnthropicUnderTest under) : OpenAiClientConformance<AnthropicUnderTest>(under);

public sealed class AnthropicFidelity(AnthropicUnderTest under) : ProviderFidelityConformance<AnthropicUnderTest>(under);

public sealed class AnthropicFaults(AnthropicUnderTest under) : ProviderFaultConformance<AnthropicUnderTest>(under);

public sealed class OpenAiByAnthropicClient(OpenAiUnderTest under) : AnthropicClientConformance<OpenAiUnderTest>(under);

public sealed class OpenAiByOpenAiClient(OpenAiUnderTest under) : OpenAiClientConformance<OpenAiUnderTest>(under);

public sealed class OpenAiFidelity(OpenAiUnderTest under) : ProviderFidelityConformance<OpenAiUnderTest>(under);

public sealed class OpenAiFaults(OpenAiUnderTest under) : ProviderFaultConformance<OpenAiUnderTest>(under);
