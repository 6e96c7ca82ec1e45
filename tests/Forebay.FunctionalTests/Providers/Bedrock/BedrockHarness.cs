using Forebay.Core.Serving;
using Forebay.Core.Serving.Providers;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Providers;
using Forebay.TestKit.Providers.Bedrock;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Forebay.FunctionalTests.Providers.Bedrock;

/// <summary>A gateway in front of a scripted Bedrock, with an account of the test's own.</summary>
internal sealed class BedrockHarness : IAsyncDisposable
{
    public const string Region = "eu-central-1";
    public const string Claude = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
    public const string Key = "AKIDHARNESS";
    public const string Secret = "harness/secret";

    public BedrockAccount Account { get; } = new(Region);

    public ScriptedProvider Provider { get; private set; } = null!;

    public GatewayHarness Gateway { get; private set; } = null!;

    /// <summary>Starts both.</summary>
    /// <param name="shape">How Bedrock answers.</param>
    /// <param name="change">Changes the deployments.</param>
    /// <param name="deployments">How many there are.</param>
    /// <param name="loggers">Where logs go.</param>
    public static async Task<BedrockHarness> StartAsync(
        Func<BedrockAccount, ProviderShape>? shape = null,
        Func<DeploymentConfig, DeploymentConfig>? change = null,
        int deployments = 1,
        ILoggerFactory? loggers = null)
    {
        var harness = new BedrockHarness();
        harness.Account.Allow(Key, Secret);
        string reference = AwsProfiles.Add(Key, Secret);
        harness.Provider = await ScriptedProvider.StartAsync(
            shape?.Invoke(harness.Account) ?? new BedrockShape(harness.Account));
        bool isConverse = harness.Provider.Shape is ConverseShape;
        harness.Gateway = await GatewayHarness.StartAsync(
            [.. Enumerable.Repeat(harness.Provider.Address, deployments)],
            loggers ?? NullLoggerFactory.Instance,
            config => config with
            {
                Deployments =
                [
                    .. config.Deployments.Select(d => d with
                    {
                        Api = ProviderApi.Bedrock,
                        Aws = new AwsConfig { Region = Region },
                        Backing = Backing.Cloud,
                        Credential = reference,
                        Dialects = [isConverse ? Dialect.Converse : Dialect.Anthropic],
                        UpstreamModel = isConverse ? "mistral.large-v9:0" : Claude,
                    }).Select(d => change?.Invoke(d) ?? d),
                ],
            });
        return harness;
    }

    public Task<HttpResponseMessage> AskAsync(bool stream = false, string extra = "") =>
        Gateway.Client.SendAsync(GatewayHarness.Messages(GatewayHarness.MessagesBody(stream, extra)));

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        await Provider.DisposeAsync();
    }
}
