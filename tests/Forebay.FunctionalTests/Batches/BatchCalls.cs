using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Forebay.FunctionalTests.Server;
using Xunit;

namespace Forebay.FunctionalTests.Batches;

/// <summary>The batch calls as plain HTTP.</summary>
internal static class BatchCalls
{
    public const string Model = "atlas-small";

    /// <summary>A request of a batch of messages.</summary>
    public static string Request(string id, string prompt = "Hi", int maxTokens = 8, string model = Model) =>
        $$$"""
        {"custom_id":"{{{id}}}","params":{"model":"{{{model}}}","max_tokens":{{{maxTokens}}},
        "messages":[{"role":"user","content":"{{{prompt}}}"}]}}
        """;

    /// <summary>A line of an input file.</summary>
    public static string Line(string id, string prompt = "Hi", string model = Model) =>
        $$$"""{"custom_id":"{{{id}}}","method":"POST","url":"/v1/chat/completions","body":{"model":"{{{model}}}","""
        + $$$""" "max_tokens":8,"messages":[{"role":"user","content":"{{{prompt}}}"}]}}""";

    public static async Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(
        this HttpClient api, HttpMethod method, string path, HttpContent? content = null, string? key = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        request.Headers.Add("anthropic-version", "2023-06-01");
        if (key is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        using HttpResponseMessage response = await api.SendAsync(request);
        string text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement);
    }

    public static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");

    public static StringContent Requests(params IEnumerable<string> requests) =>
        Json($$"""{"requests":[{{string.Join(',', requests)}}]}""");

    public static MultipartFormDataContent Upload(string text, string purpose = "batch", string name = "in.jsonl") => new()
    {
        { new StringContent(purpose), "purpose" },
        { new ByteArrayContent(Encoding.UTF8.GetBytes(text)), "file", name },
    };

    public static async Task<string> CreateAsync(this HttpClient api, StringContent requests, string? key = null)
    {
        (HttpStatusCode status, JsonElement body) = await api.SendAsync(
            HttpMethod.Post, "/v1/messages/batches", requests, key);
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        return body.GetProperty("id").GetString()!;
    }

    public static async Task<string> UploadAsync(this HttpClient api, string lines, string? key = null)
    {
        (HttpStatusCode status, JsonElement body) = await api.SendAsync(HttpMethod.Post, "/v1/files", Upload(lines), key);
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        return body.GetProperty("id").GetString()!;
    }

    public static async Task<JsonElement> BatchOfAsync(this HttpClient api, string file)
    {
        (HttpStatusCode status, JsonElement body) = await api.SendAsync(HttpMethod.Post, "/v1/batches", Json(
            $$"""{"input_file_id":"{{file}}","endpoint":"/v1/chat/completions","completion_window":"24h"}"""));
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        return body;
    }

    /// <summary>Waits until a batch is over, and returns it.</summary>
    public static async Task<JsonElement> EndedAsync(this HttpClient api, string id, string? key = null)
    {
        bool messages = id.StartsWith("msgbatch_", StringComparison.Ordinal);
        string path = (messages ? "/v1/messages/batches/" : "/v1/batches/") + id;
        JsonElement last = default;
        await Eventually.TrueAsync(
            async () =>
            {
                (_, last) = await api.SendAsync(HttpMethod.Get, path, null, key);
                string status = last.GetProperty(messages ? "processing_status" : "status").GetString()!;
                return status is "ended" or "completed" or "failed" or "expired" or "cancelled";
            },
            () => $"It did not end: {last}");
        return last;
    }

    /// <summary>The lines of the results, by name.</summary>
    public static async Task<IReadOnlyDictionary<string, JsonElement>> ResultsAsync(
        this HttpClient api, string id, string? key = null) =>
        await LinesAsync(api, $"/v1/messages/batches/{id}/results", key);

    public static async Task<IReadOnlyDictionary<string, JsonElement>> LinesAsync(
        this HttpClient api, string path, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("anthropic-version", "2023-06-01");
        if (key is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        using HttpResponseMessage response = await api.SendAsync(request);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        var lines = new Dictionary<string, JsonElement>();
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            JsonElement json = JsonDocument.Parse(line).RootElement;
            string name = json.GetProperty("custom_id").GetString()!;
            Assert.True(lines.TryAdd(name, json), $"{name} has two results");
        }

        return lines;
    }
}
