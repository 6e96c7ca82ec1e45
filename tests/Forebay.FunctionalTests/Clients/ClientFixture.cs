using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using Anthropic;
using Anthropic.Models.Messages;
using Forebay.Emulator;
using Forebay.FunctionalTests.Emulator;
using Forebay.FunctionalTests.Gateway;
using OpenAI;
using OpenAI.Chat;
using Xunit;

namespace Forebay.FunctionalTests.Clients;

/// <summary>The vendors' own clients on a real gateway in front of a real emulator: one engine, so that a prompt meets
/// its cached prefix again.</summary>
public sealed class ClientFixture : IAsyncLifetime
{
    private const string UpstreamModel = "upstream-model";

    private EmulatorHost _emulator = null!;

    public GatewayHarness Gateway { get; private set; } = null!;

    /// <summary>The engine itself, to compare with and to look at its gauges.</summary>
    public Uri Engine => _emulator.Endpoints["fast"];

    public async ValueTask InitializeAsync()
    {
        EmulatorSpec spec = EmulatorFixture.Spec(10_000, "fast");
        spec = spec with { Deployments = [spec.Deployments[0] with { Model = UpstreamModel }] };
        _emulator = await EmulatorHost.StartAsync(spec, TimeProvider.System, CancellationToken.None);
        Gateway = await GatewayHarness.StartAsync([Engine]);
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        await _emulator.DisposeAsync();
    }

    public AnthropicClient Anthropic() => AnthropicOf(Gateway);

    public ChatClient OpenAi() => OpenAiOf(Gateway);

    public static AnthropicClient AnthropicOf(GatewayHarness gateway, int retries = 0, HttpClient? http = null)
    {
        var client = new AnthropicClient
        {
            BaseUrl = gateway.Server.Address.ToString(),
            ApiKey = GatewayHarness.Secret,
            ResponseValidation = true,
            MaxRetries = retries,
        };
        return http is null ? client : (AnthropicClient)client.WithOptions(o => o with { HttpClient = http });
    }

    public static ChatClient OpenAiOf(GatewayHarness gateway, int retries = 0, string secret = GatewayHarness.Secret) =>
        new(GatewayHarness.Model, new ApiKeyCredential(secret), OpenAiOptions(gateway, retries));

    public static OpenAIClientOptions OpenAiOptions(GatewayHarness gateway, int retries = 0) => new()
    {
        Endpoint = new Uri(gateway.Server.Address, "/v1"),
        RetryPolicy = new ClientRetryPolicy(retries),
    };

    /// <summary>Adds a header to every request of an OpenAI client.</summary>
    public sealed class HeaderPolicy(string name, string value) : PipelinePolicy
    {
        public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
        {
            message.Request.Headers.Set(name, value);
            ProcessNext(message, pipeline, currentIndex);
        }

        public override ValueTask ProcessAsync(
            PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
        {
            message.Request.Headers.Set(name, value);
            return ProcessNextAsync(message, pipeline, currentIndex);
        }
    }

    /// <summary>A request from the members of its body; the model is the gateway's unless given.</summary>
    public static MessageCreateParams Ask(string members, int? outputTokens = null)
    {
        Dictionary<string, JsonElement> headers = outputTokens is { } tokens
            ? new() { ["x-emulator-output-tokens"] = JsonSerializer.SerializeToElement(tokens.ToString()) }
            : [];
        return MessageCreateParams.FromRawUnchecked(headers, new Dictionary<string, JsonElement>(), BodyOf(members));
    }

    public static Dictionary<string, JsonElement> BodyOf(string members) =>
        JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(
            $$"""{"model":"{{GatewayHarness.Model}}",{{members}}}""")!;

    /// <summary>A user turn as a member of a body, with a limit that no short answer reaches.</summary>
    public static string Turn(string text) =>
        $$"""
        "max_tokens":4096,"messages":[{"role":"user","content":{{JsonSerializer.Serialize(text)}}}]
        """;

    public static string TextOf(Message message) => string.Concat(message.Content.Select(
        b => b.TryPickText(out TextBlock? text) ? text.Text : ""));
}

[CollectionDefinition(nameof(ClientFixture))]
public sealed class ClientCollection : ICollectionFixture<ClientFixture>;
