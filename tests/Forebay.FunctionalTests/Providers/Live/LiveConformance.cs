using System.Text.Json;
using Anthropic;
using Anthropic.Models.Messages;
using Forebay.Core.Serving;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Clients;
using Forebay.FunctionalTests.Gateway;
using Forebay.FunctionalTests.Providers.Conformance;
using OpenAI.Chat;
using Xunit;

namespace Forebay.FunctionalTests.Providers.Live;

/// <summary>
/// The part of the conformance suite that holds whatever a model says, against a real account. Run by
/// <c>./test.sh live</c> alone. Each test makes one call, two where it says so, of at most
/// <see cref="LiveAccount.MostOutputTokens"/> tokens.
/// </summary>
public abstract class LiveConformance<T>(T account) : IClassFixture<T>
    where T : LiveAccount
{
    private const string Question = "Answer with one word: what flows in a river?";

    private const string Weather =
        """
        "tools":[{"name":"weather","description":"Weather of a city","input_schema":
          {"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}],
        "tool_choice":{"type":"tool","name":"weather"}
        """;

    private UsageRecord Recorded => Gateway.Journal.Settled[^1];

    private GatewayHarness Gateway
    {
        get
        {
            Assert.SkipWhen(account.Gateway is null, "No account: set " + string.Join(", ", account.Variables) + ".");
            return account.Gateway!;
        }
    }

    [Fact(Explicit = true)]
    public async Task Text_for_the_Anthropic_client()
    {
        using AnthropicClient client = ClientFixture.AnthropicOf(Gateway);

        Message message = await client.Messages.Create(Ask(""));

        Assert.NotEmpty(ClientFixture.TextOf(message));
        Assert.Equal(GatewayHarness.Model, message.Model.Raw());
        Assert.Equal(message.Usage.OutputTokens, Recorded.Tokens.Output);
        Assert.False(Recorded.Estimated);
    }

    [Fact(Explicit = true)]
    public async Task A_stream_for_the_Anthropic_client()
    {
        using AnthropicClient client = ClientFixture.AnthropicOf(Gateway);

        StreamedMessage streamed = await ProviderUnderTest.StreamAsync(client, Ask(""));

        Assert.NotEmpty(streamed.Text);
        Assert.NotNull(streamed.StopReason);
        Assert.Equal(UsageOutcome.Completed, Recorded.Outcome);
        Assert.False(Recorded.Estimated);
    }

    [Fact(Explicit = true)]
    public async Task A_tool_for_the_Anthropic_client_streamed()
    {
        using AnthropicClient client = ClientFixture.AnthropicOf(Gateway);

        StreamedMessage streamed = await ProviderUnderTest.StreamAsync(client, Ask("," + Weather));

        StreamedBlock tool = Assert.Single(streamed.Blocks, b => b.Type == "tool_use");
        Assert.Equal("tool_use", streamed.StopReason);
        Assert.Equal(JsonValueKind.String, JsonElement.Parse(tool.Text).GetProperty("city").ValueKind);
    }

    [Fact(Explicit = true)]
    public async Task Text_and_a_stream_for_the_OpenAI_client_in_two_calls()
    {
        ChatClient client = ClientFixture.OpenAiOf(Gateway);
        var options = new ChatCompletionOptions { MaxOutputTokenCount = LiveAccount.MostOutputTokens };

        ChatCompletion whole = await client.CompleteChatAsync([new UserChatMessage(Question)], options);
        string text = "";
        await foreach (StreamingChatCompletionUpdate update in client.CompleteChatStreamingAsync(
            [new UserChatMessage(Question)], options))
        {
            text += string.Concat(update.ContentUpdate.Select(c => c.Text));
        }

        Assert.NotEmpty(whole.Content[0].Text);
        Assert.NotEmpty(text);
        Assert.False(Recorded.Estimated);
    }

    [Fact(Explicit = true)]
    public async Task Tokens_are_counted_for_nothing()
    {
        Assert.SkipUnless(account.Dialect == Dialect.Anthropic, "This dialect counts no tokens.");
        using AnthropicClient client = ClientFixture.AnthropicOf(Gateway);
        var none = new Dictionary<string, JsonElement>();

        MessageTokensCount count = await client.Messages.CountTokens(MessageCountTokensParams.FromRawUnchecked(
            none, none, ClientFixture.BodyOf(
                $$"""
                "messages":[{"role":"user","content":"{{Question}}"}]
                """)));

        Assert.InRange(count.InputTokens, 5, 100);
    }

    private static MessageCreateParams Ask(string members) => ClientFixture.Ask(
        $$"""
        "max_tokens":{{LiveAccount.MostOutputTokens}},"messages":[{"role":"user","content":"{{Question}}"}]{{members}}
        """);
}
