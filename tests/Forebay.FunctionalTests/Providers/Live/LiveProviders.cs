using Forebay.Core.Serving;
using Forebay.Core.Serving.Providers;

namespace Forebay.FunctionalTests.Providers.Live;

public sealed class AnthropicAccount : LiveAccount
{
    public override IReadOnlyList<string> Variables => ["FOREBAY_LIVE_ANTHROPIC_KEY", "FOREBAY_LIVE_ANTHROPIC_MODEL"];

    public override Dialect Dialect => Dialect.Anthropic;

    protected override DeploymentConfig Deploy(DeploymentConfig standard) => standard with
    {
        Endpoint = new Uri("https://api.anthropic.com"),
        Credential = "env:FOREBAY_LIVE_ANTHROPIC_KEY",
        UpstreamModel = Read("FOREBAY_LIVE_ANTHROPIC_MODEL"),
    };
}

public sealed class OpenAiAccount : LiveAccount
{
    public override IReadOnlyList<string> Variables => ["FOREBAY_LIVE_OPENAI_KEY", "FOREBAY_LIVE_OPENAI_MODEL"];

    public override Dialect Dialect => Dialect.OpenAi;

    protected override DeploymentConfig Deploy(DeploymentConfig standard) => standard with
    {
        Endpoint = new Uri("https://api.openai.com"),
        Credential = "env:FOREBAY_LIVE_OPENAI_KEY",
        UpstreamModel = Read("FOREBAY_LIVE_OPENAI_MODEL"),
    };
}

public sealed class VertexAccount : LiveAccount
{
    public override IReadOnlyList<string> Variables =>
    [
        "FOREBAY_LIVE_VERTEX_PROJECT", "FOREBAY_LIVE_VERTEX_LOCATION", "FOREBAY_LIVE_VERTEX_MODEL",
        "FOREBAY_LIVE_VERTEX_CREDENTIAL",
    ];

    public override Dialect Dialect => Dialect.Anthropic;

    protected override DeploymentConfig Deploy(DeploymentConfig standard) => standard with
    {
        Api = ProviderApi.Vertex,
        Google = new GoogleConfig
        {
            Project = Read("FOREBAY_LIVE_VERTEX_PROJECT"), Location = Read("FOREBAY_LIVE_VERTEX_LOCATION"),
        },
        Credential = Read("FOREBAY_LIVE_VERTEX_CREDENTIAL"),
        UpstreamModel = Read("FOREBAY_LIVE_VERTEX_MODEL"),
    };
}

public sealed class BedrockAccount : LiveAccount
{
    public override IReadOnlyList<string> Variables =>
        ["FOREBAY_LIVE_BEDROCK_REGION", "FOREBAY_LIVE_BEDROCK_MODEL", "FOREBAY_LIVE_BEDROCK_CREDENTIAL"];

    public override Dialect Dialect => Dialect.Anthropic;

    protected override DeploymentConfig Deploy(DeploymentConfig standard)
    {
        var aws = new AwsConfig { Region = Read("FOREBAY_LIVE_BEDROCK_REGION") };
        return standard with
        {
            Api = ProviderApi.Bedrock,
            Aws = aws,
            Endpoint = aws.Endpoint,
            Credential = Read("FOREBAY_LIVE_BEDROCK_CREDENTIAL"),
            UpstreamModel = Read("FOREBAY_LIVE_BEDROCK_MODEL"),
        };
    }
}

public sealed class AzureAnthropicAccount : LiveAccount
{
    public override IReadOnlyList<string> Variables =>
    [
        "FOREBAY_LIVE_AZURE_ANTHROPIC_RESOURCE", "FOREBAY_LIVE_AZURE_ANTHROPIC_KEY", "FOREBAY_LIVE_AZURE_ANTHROPIC_MODEL",
    ];

    public override Dialect Dialect => Dialect.Anthropic;

    protected override DeploymentConfig Deploy(DeploymentConfig standard) => standard with
    {
        Api = ProviderApi.Azure,
        Azure = new AzureConfig { Resource = Read("FOREBAY_LIVE_AZURE_ANTHROPIC_RESOURCE") },
        Credential = "env:FOREBAY_LIVE_AZURE_ANTHROPIC_KEY",
        UpstreamModel = Read("FOREBAY_LIVE_AZURE_ANTHROPIC_MODEL"),
    };
}

public sealed class AzureOpenAiAccount : LiveAccount
{
    public override IReadOnlyList<string> Variables =>
        ["FOREBAY_LIVE_AZURE_OPENAI_RESOURCE", "FOREBAY_LIVE_AZURE_OPENAI_KEY", "FOREBAY_LIVE_AZURE_OPENAI_MODEL"];

    public override Dialect Dialect => Dialect.OpenAi;

    protected override DeploymentConfig Deploy(DeploymentConfig standard) => standard with
    {
        Api = ProviderApi.Azure,
        Azure = new AzureConfig { Resource = Read("FOREBAY_LIVE_AZURE_OPENAI_RESOURCE") },
        Credential = "env:FOREBAY_LIVE_AZURE_OPENAI_KEY",
        UpstreamModel = Read("FOREBAY_LIVE_AZURE_OPENAI_MODEL"),
    };
}

public sealed class LiveAnthropic(AnthropicAccount account) : LiveConformance<AnthropicAccount>(account);

public sealed class LiveOpenAi(OpenAiAccount account) : LiveConformance<OpenAiAccount>(account);

public sealed class LiveVertex(VertexAccount account) : LiveConformance<VertexAccount>(account);

public sealed class LiveBedrock(BedrockAccount account) : LiveConformance<BedrockAccount>(account);

public sealed class LiveAzureAnthropic(AzureAnthropicAccount account) : LiveConformance<AzureAnthropicAccount>(account);

public sealed class LiveAzureOpenAi(AzureOpenAiAccount account) : LiveConformance<AzureOpenAiAccount>(account);
