using System.Collections.Frozen;
using System.Text.Json;
using Anthropic;
using Anthropic.Models.Messages;
using Forebay.Core.Serving;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Clients;
using Forebay.FunctionalTests.Gateway;
using Forebay.FunctionalTests.Server;
using Forebay.Protocols;
using Forebay.TestKit.Providers;
using Forebay.TestKit.Providers.Tokens;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using OpenAI.Chat;
using Xunit;

namespace Forebay.FunctionalTests.Providers.Conformance;

/// <summary>
/// One adapter in front of its provider: the scripted provider, the token endpoint it may need, and a real gateway
/// whose one deployment is served there. An adapter's own class says how it is configured and what it lacks by nature;
/// everything else is the suite's.
/// </summary>
public abstract class ProviderUnderTest : IAsyncLifetime
{
    /// <summary>What the harness resolves the deployment's credential to.</summary>
    protected const string ApiKey = "secret-of-env:UPSTREAM_KEY";

    public ScriptedProvider Provider { get; private set; } = null!;

    public TokenIssuer Tokens { get; private set; } = null!;

    public GatewayHarness Gateway { get; private set; } = null!;

    public bool IsAnthropic => Provider.Shape.Dialect == WireDialect.Anthropic;

    /// <summary>The model's name there.</summary>
    public virtual string Model => "upstream-model";

    /// <summary>Members of an Anthropic body that this provider does not take from the client.</summary>
    public virtual FrozenSet<string> Removed { get; } = [];

    /// <summary>Members that the adapter adds.</summary>
    public virtual FrozenSet<string> Added { get; } = [];

    /// <summary>Whether it takes documents.</summary>
    public virtual bool TakesDocuments => true;

    /// <summary>Whether its own tokens are counted by it.</summary>
    public virtual bool CountsTokens => IsAnthropic;

    /// <summary>Whether its credential is a token that expires and is asked for anew.</summary>
    public virtual bool Refreshes => false;

    protected abstract ProviderShape NewShape();

    /// <summary>The deployment as an operator writes it for this provider.</summary>
    /// <param name="standard">One that speaks to an OpenAI or Anthropic API.</param>
    protected abstract DeploymentConfig Deploy(DeploymentConfig standard);

    /// <summary>Prepares what the shape needs: credentials and files.</summary>
    protected virtual Task PrepareAsync() => Task.CompletedTask;

    public virtual async ValueTask InitializeAsync()
    {
        Tokens = await TokenIssuer.StartAsync();
        await PrepareAsync();
        Provider = await ScriptedProvider.StartAsync(NewShape());
        Gateway = await StartGatewayAsync(1);
        if (Refreshes)
        {
            // It is asked for in the background; tests count what is asked for after.
            await Eventually.TrueAsync(() => Tokens.Issued > 0, () => string.Join("\n", Tokens.Complaints));
        }
    }

    /// <summary>A gateway of the test's own, with so many deployments at the one provider.</summary>
    public Task<GatewayHarness> StartGatewayAsync(int deployments, ILoggerFactory? loggers = null) =>
        GatewayHarness.StartAsync(
        [.. Enumerable.Repeat(Provider.Address, deployments)],
        loggers ?? NullLoggerFactory.Instance,
        config => config with
        {
            Deployments =
            [
                .. config.Deployments.Select(d => Deploy(d with
                {
                    UpstreamModel = Model,
                    Dialects = [IsAnthropic ? Dialect.Anthropic : Dialect.OpenAi],
                    Backing = Backing.Cloud,
                })),
            ],
        });

    public virtual async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        await Provider.DisposeAsync();
        await Tokens.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Begins a test: nothing of the one before is left.</summary>
    public void Play(Forebay.TestKit.Providers.Scenes.Scene scene)
    {
        Provider.Reset();
        Provider.Scene = scene;
    }

    /// <summary>The one call that the provider got, which it found nothing wrong with.</summary>
    public ProviderCall OnlyCall()
    {
        Assert.Empty(Provider.Complaints);
        Assert.Empty(Tokens.Complaints);
        return Assert.Single(Provider.Calls);
    }

    public AnthropicClient Anthropic() => ClientFixture.AnthropicOf(Gateway);

    public ChatClient OpenAi() => ClientFixture.OpenAiOf(Gateway);

    /// <summary>What was recorded of the last request.</summary>
    public UsageRecord Recorded => Gateway.Journal.Settled[^1];

    /// <summary>Reads a stream to its end: each event valid, and the message that they make.</summary>
    public static async Task<StreamedMessage> StreamAsync(AnthropicClient client, MessageCreateParams ask)
    {
        var streamed = new StreamedMessage();
        await foreach (RawMessageStreamEvent item in client.Messages.CreateStreaming(ask))
        {
            streamed.Add(item.Json);
        }

        return streamed;
    }

    /// <summary>A body's members by name, as JSON text.</summary>
    public static Dictionary<string, string> MembersOf(JsonElement body) =>
        body.EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetRawText());
}
