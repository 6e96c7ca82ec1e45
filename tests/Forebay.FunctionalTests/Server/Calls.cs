using System.Text;
using System.Text.Json;

namespace Forebay.FunctionalTests.Server;

/// <summary>An answer read to its end.</summary>
internal sealed record Answer(int Status, string Text, IReadOnlyDictionary<string, string> Headers)
{
    public string RequestId => Headers["request-id"];

    /// <summary>Data of the stream's events, in order.</summary>
    public IEnumerable<string> Events =>
        Text.Split('\n').Where(l => l.StartsWith("data: ", StringComparison.Ordinal)).Select(l => l[6..]);

    /// <summary>Whether nothing is missing: a stream has its last event, a plain answer is whole JSON.</summary>
    public bool IsComplete => Status == 200 && (Text.StartsWith('{')
        ? Text.EndsWith('}')
        : Text.Contains("event: message_stop", StringComparison.Ordinal)
            || Text.Contains("data: [DONE]", StringComparison.Ordinal));

    public JsonElement Json() => JsonDocument.Parse(Text).RootElement;
}

/// <summary>Requests of both dialects.</summary>
internal static class Calls
{
    public static HttpRequestMessage Messages(
        string model,
        bool stream = false,
        int maxTokens = 16,
        string? key = null,
        string? fault = null)
    {
        string body = $$"""{"model":"{{model}}","max_tokens":{{maxTokens}},"stream":{{Word(stream)}},"messages":[{"role":"user","content":"Hello"}]}""";
        HttpRequestMessage request = Post("/v1/messages", body, key, fault);
        request.Headers.Add("anthropic-version", "2023-06-01");
        return request;
    }

    public static HttpRequestMessage Chat(
        string model, bool stream = false, string? key = null, string? fault = null) =>
        Post(
            "/v1/chat/completions",
            $$"""{"model":"{{model}}","max_completion_tokens":16,"stream":{{Word(stream)}},"messages":[{"role":"user","content":"Hello"}]}""",
            key,
            fault);

    /// <summary>Sends and reads to the end.</summary>
    public static async Task<Answer> AskAsync(this HttpClient client, HttpRequestMessage request)
    {
        using HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return await response.ReadAsync();
    }

    public static async Task<Answer> ReadAsync(this HttpResponseMessage response) => new(
        (int)response.StatusCode,
        await response.Content.ReadAsStringAsync(),
        response.Headers.ToDictionary(h => h.Key, h => string.Join(',', h.Value), StringComparer.OrdinalIgnoreCase));

    private static HttpRequestMessage Post(string path, string body, string? key, string? fault)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        if (key is not null)
        {
            request.Headers.Add("x-api-key", key);
        }

        if (fault is not null)
        {
            request.Headers.Add("x-emulator-fault", fault);
        }

        return request;
    }

    private static string Word(bool value) => value ? "true" : "false";
}
