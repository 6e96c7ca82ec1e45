using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Xunit;

namespace Forebay.FunctionalTests.Emulator;

public sealed class EmbeddingTests(EmulatorFixture fixture) : IClassFixture<EmulatorFixture>
{
    private async Task<JsonNode> AskAsync(string members)
    {
        using HttpResponseMessage response = await fixture.PostAsync(
            fixture.Fast, "/v1/embeddings", $$"""{"model":"{{EmulatorFixture.Model}}",{{members}}}""");
        Assert.Equal("forebay-engine", response.Headers.GetValues("x-emulator").Single());
        return JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
    }

    private static float[] FloatsOf(JsonNode embedding) =>
        [.. embedding["embedding"]!.AsArray().Select(f => f!.GetValue<float>())];

    [Fact]
    public async Task The_same_text_has_the_same_vector_of_length_one_in_either_format()
    {
        JsonNode floats = await AskAsync("\"input\":[\"one\",\"two\",\"one\"],\"dimensions\":16");
        JsonNode base64 = await AskAsync("\"input\":\"one\",\"dimensions\":16,\"encoding_format\":\"base64\"");

        float[][] vectors = [.. floats["data"]!.AsArray().Select(d => FloatsOf(d!))];
        byte[] bytes = Convert.FromBase64String(base64["data"]![0]!["embedding"]!.GetValue<string>());
        Assert.Equal([0, 1, 2], floats["data"]!.AsArray().Select(d => d!["index"]!.GetValue<int>()));
        Assert.All(vectors, v => Assert.Equal(1, v.Sum(c => (double)c * c), 5));
        Assert.Equal(vectors[0], vectors[2]);
        Assert.NotEqual(vectors[0], vectors[1]);
        Assert.Equal(vectors[0], MemoryMarshal.Cast<byte, float>(bytes).ToArray());
        Assert.Equal(3, floats["usage"]!["prompt_tokens"]!.GetValue<int>());
    }

    [Fact]
    public async Task Tokens_are_texts_too()
    {
        JsonNode one = await AskAsync("\"input\":[1,2,3]");
        JsonNode several = await AskAsync("\"input\":[[1,2,3],[4]]");

        Assert.Equal(FloatsOf(one["data"]![0]!), FloatsOf(several["data"]![0]!));
        Assert.Equal((256, 3, 4), (
            FloatsOf(one["data"]![0]!).Length,
            one["usage"]!["prompt_tokens"]!.GetValue<int>(),
            several["usage"]!["prompt_tokens"]!.GetValue<int>()));
    }

    [Theory]
    [InlineData("\"input\":[]", 400)]
    [InlineData("\"input\":{}", 400)]
    [InlineData("\"input\":[true]", 400)]
    [InlineData("\"input\":\"a\",\"dimensions\":0", 400)]
    [InlineData("\"input\":\"a\",\"model\":\"other\"", 404)]
    public async Task Bad_requests_are_refused_in_the_dialects_envelope(string members, int status)
    {
        using HttpResponseMessage response = await fixture.PostAsync(
            fixture.Fast, "/v1/embeddings", $$"""{"model":"{{EmulatorFixture.Model}}",{{members}}}""");

        Assert.Equal((HttpStatusCode)status, response.StatusCode);
        using JsonDocument body = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        Assert.NotEmpty(body.RootElement.GetProperty("error").GetProperty("message").GetString()!);
    }
}
