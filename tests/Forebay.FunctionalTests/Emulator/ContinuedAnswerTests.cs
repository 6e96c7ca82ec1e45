using System.Text.Json;
using Xunit;

namespace Forebay.FunctionalTests.Emulator;

/// <summary>The emulator goes on with an answer that was begun before, byte for byte.</summary>
[Collection(nameof(EmulatorFixture))]
public sealed class ContinuedAnswerTests(EmulatorFixture fixture)
{
    private const string Ask = """{"role":"user","content":"Tell me of rivers."}""";

    [Theory]
    [InlineData(1)]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(37)]
    [InlineData(79)]
    public async Task What_follows_is_what_would_have_followed(int bytes)
    {
        JsonElement whole = await MessageAsync(null, 20);
        string text = TextOf(whole);
        string begun = "Well. " + text[..bytes].TrimEnd();
        JsonElement own = await MessageAsync("Well.", 20);

        JsonElement rest = await MessageAsync(begun, 20);

        Assert.Equal(text, begun["Well. ".Length..] + TextOf(rest));
        Assert.Equal(text, TextOf(own));
        // Together they count what the whole does; a token that was cut in two is made again.
        int made = (begun.Length - "Well. ".Length) / 4;
        Assert.Equal(20 - made, Count(rest, "output_tokens"));
    }

    [Fact]
    public async Task An_answer_that_is_whole_has_nothing_more()
    {
        string text = TextOf(await MessageAsync(null, 21));
        string begun = text.TrimEnd();

        JsonElement rest = await MessageAsync(begun, 21);

        Assert.Equal(text, begun + TextOf(rest));
        Assert.Equal("end_turn", rest.GetProperty("stop_reason").GetString());
    }

    [Fact]
    public async Task White_space_at_the_end_is_refused_as_the_vendor_does()
    {
        using HttpResponseMessage response = await fixture.PostAsync(
            fixture.Fast, "/v1/messages", Body(",{\"role\":\"assistant\",\"content\":\"So \"}"));

        Assert.Equal(400, (int)response.StatusCode);
    }

    [Theory]
    [InlineData(
        ",\"continue_final_message\":true,\"add_generation_prompt\":true", ",{\"role\":\"assistant\",\"content\":\"So\"}")]
    [InlineData(",\"continue_final_message\":true", "")]
    public async Task Chat_completions_follow_the_engines_rules(string flags, string last)
    {
        string body = $$"""{"model":"{{EmulatorFixture.Model}}","messages":[{{Ask}}{{last}}]{{flags}}}""";

        using HttpResponseMessage response = await fixture.PostAsync(fixture.Fast, "/v1/chat/completions", body);

        Assert.Equal(400, (int)response.StatusCode);
    }

    private static string Body(string last) =>
        $$"""{"model":"{{EmulatorFixture.Model}}","max_tokens":4096,"messages":[{{Ask}}{{last}}]}""";

    private static string TextOf(JsonElement message) =>
        string.Concat(message.GetProperty("content").EnumerateArray().Select(b => b.GetProperty("text").GetString()));

    private static int Count(JsonElement message, string name) => message.GetProperty("usage").GetProperty(name).GetInt32();

    private async Task<JsonElement> MessageAsync(string? begun, int tokens)
    {
        string last = begun is null ? "" : $$""",{"role":"assistant","content":{{JsonSerializer.Serialize(begun)}}}""";
        using HttpResponseMessage response = await fixture.PostAsync(fixture.Fast, "/v1/messages", Body(last), tokens: tokens);
        return await EmulatorFixture.JsonOf(response);
    }
}
