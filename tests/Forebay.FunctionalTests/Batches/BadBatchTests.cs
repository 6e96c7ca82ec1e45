using System.Net;
using System.Text.Json;
using Forebay.FunctionalTests.Server;
using Xunit;

namespace Forebay.FunctionalTests.Batches;

/// <summary>What is wrong with a batch or a file is told precisely, and nothing of it is kept.</summary>
[Collection(nameof(UpFixture))]
public sealed class BadBatchTests(UpFixture up)
{
    [Fact]
    public async Task Every_bad_request_of_a_batch_is_told_by_its_index()
    {
        (HttpStatusCode status, JsonElement body) = await CreateAsync(BatchCalls.Requests(
            BatchCalls.Request("a"),
            BatchCalls.Request("not a name"),
            BatchCalls.Request("a"),
            """{"custom_id":"c"}""",
            """{"custom_id":"d","params":{"model":"m","messages":[{"role":"user","content":"x"}]}}""",
            BatchCalls.Request("e").Replace("\"max_tokens\"", "\"stream\":true,\"max_tokens\"", StringComparison.Ordinal),
            "7"));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        string message = body.GetProperty("error").GetProperty("message").GetString()!;
        Assert.Equal("invalid_request_error", body.GetProperty("error").GetProperty("type").GetString());
        foreach (string told in new[]
        {
            "requests.1.custom_id: String should match pattern", "requests.2.custom_id: requests.0 has the same",
            "requests.3.params: Field required", "requests.4.params.max_tokens", "requests.5.params.stream",
            "requests.6: Input should be an object",
        })
        {
            Assert.Contains(told, message, StringComparison.Ordinal);
        }

        Assert.DoesNotContain("requests.0:", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}", "requests: Field required")]
    [InlineData("""{"requests":[]}""", "at least 1 item")]
    [InlineData("""{"requests":{}}""", "requests: Input should be a valid list")]
    [InlineData("""{"requests":[{]}""", "not valid JSON")]
    [InlineData("""{"requests":[],"more":1}""", "more: Extra inputs are not permitted")]
    [InlineData("""[]""", "JSON object")]
    [InlineData("""{"requests":[{"custom_id":"a","params":""", "not valid JSON")]
    public async Task A_body_that_is_no_batch_is_refused(string json, string told)
    {
        (HttpStatusCode status, JsonElement body) = await CreateAsync(BatchCalls.Json(json));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(told, body.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Too_many_requests_are_refused()
    {
        (HttpStatusCode status, JsonElement body) = await CreateAsync(BatchCalls.Requests(
            Enumerable.Range(0, 100_001).Select(i => BatchCalls.Request($"r{i}"))));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("at most 100,000 items", body.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_declared_body_beyond_the_limit_is_refused_before_it_is_sent()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages/batches")
        {
            Content = new ByteArrayContent(new byte[1]),
        };
        request.Headers.Add("anthropic-version", "2023-06-01");
        request.Headers.ExpectContinue = true;
        request.Content.Headers.ContentLength = 268_435_457;

        using HttpResponseMessage response = await up.Server.Api.SendAsync(request);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
    }

    [Fact]
    public async Task Every_bad_line_of_an_input_file_is_told_by_its_number()
    {
        string file = await up.Server.Api.UploadAsync(string.Join('\n',
            BatchCalls.Line("a"),
            "{not json",
            BatchCalls.Line("a"),
            BatchCalls.Line("b", model: "atlas-large"),
            BatchCalls.Line("c").Replace("/v1/chat/completions", "/v1/embeddings", StringComparison.Ordinal),
            BatchCalls.Line("d").Replace("POST", "GET", StringComparison.Ordinal),
            """{"custom_id":"e","method":"POST","url":"/v1/chat/completions"}"""));

        JsonElement ended = await up.Server.Api.EndedAsync(
            (await up.Server.Api.BatchOfAsync(file)).GetProperty("id").GetString()!);

        Assert.Equal("failed", ended.GetProperty("status").GetString());
        var lines = ended.GetProperty("errors").GetProperty("data").EnumerateArray()
            .ToDictionary(e => e.GetProperty("line").GetInt32(), e => e.GetProperty("code").GetString());
        Assert.Equal("invalid_json_line", lines[2]);
        Assert.Equal("duplicate_custom_id", lines[3]);
        Assert.True(lines[4] is "mismatched_model" or "model_not_found");
        Assert.Equal("mismatched_endpoint", lines[5]);
        Assert.Equal("invalid_method", lines[6]);
        Assert.Equal("missing_required_parameter", lines[7]);
        Assert.DoesNotContain(1, lines.Keys);
    }

    [Theory]
    [InlineData("""{"endpoint":"/v1/chat/completions","completion_window":"24h"}""", "input_file_id")]
    [InlineData("""{"input_file_id":"x","endpoint":"/v1/nothing","completion_window":"24h"}""", "endpoint")]
    [InlineData("""{"input_file_id":"x","endpoint":"/v1/chat/completions","completion_window":"1h"}""", "completion_window")]
    [InlineData("""{"input_file_id":"x","endpoint":"/v1/chat/completions","completion_window":"24h","odd":1}""", "odd")]
    public async Task A_batch_that_is_asked_for_wrongly_is_refused(string json, string param)
    {
        (HttpStatusCode status, JsonElement body) = await up.Server.Api.SendAsync(
            HttpMethod.Post, "/v1/batches", BatchCalls.Json(json));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal(param, body.GetProperty("error").GetProperty("param").GetString());
    }

    [Fact]
    public async Task A_file_of_another_purpose_or_none_is_refused()
    {
        (HttpStatusCode status, JsonElement body) = await up.Server.Api.SendAsync(
            HttpMethod.Post, "/v1/files", BatchCalls.Upload("x", "world_domination"));
        (HttpStatusCode none, _) = await up.Server.Api.SendAsync(HttpMethod.Post, "/v1/files", BatchCalls.Json("{}"));
        (HttpStatusCode empty, _) = await up.Server.Api.SendAsync(HttpMethod.Post, "/v1/files", BatchCalls.Upload(""));

        Assert.Equal(
            (HttpStatusCode.BadRequest, HttpStatusCode.BadRequest, HttpStatusCode.BadRequest), (status, none, empty));
        Assert.Equal("purpose", body.GetProperty("error").GetProperty("param").GetString());
    }

    [Fact]
    public async Task A_batch_that_has_not_ended_is_not_deleted_and_a_cancelled_one_tells_what_was_not_run()
    {
        HttpClient api = up.Server.Api;
        string id = await api.CreateAsync(BatchCalls.Requests(
            Enumerable.Range(0, 2000).Select(i => BatchCalls.Request($"r{i}", maxTokens: 200))));
        (HttpStatusCode deleted, _) = await api.SendAsync(HttpMethod.Delete, $"/v1/messages/batches/{id}");
        (HttpStatusCode results, _) = await api.SendAsync(HttpMethod.Get, $"/v1/messages/batches/{id}/results");
        (_, JsonElement cancelled) = await api.SendAsync(HttpMethod.Post, $"/v1/messages/batches/{id}/cancel");
        JsonElement ended = await api.EndedAsync(id);

        Assert.Equal((HttpStatusCode.Conflict, HttpStatusCode.NotFound), (deleted, results));
        Assert.Equal("canceling", cancelled.GetProperty("processing_status").GetString());
        Assert.NotEqual(JsonValueKind.Null, ended.GetProperty("cancel_initiated_at").ValueKind);
        JsonElement counts = ended.GetProperty("request_counts");
        Assert.True(counts.GetProperty("canceled").GetInt32() > 0);
        IReadOnlyDictionary<string, JsonElement> lines = await api.ResultsAsync(id);
        Assert.Equal(2000, lines.Count);
        Assert.Equal(
            counts.GetProperty("canceled").GetInt32(),
            lines.Values.Count(l => l.GetProperty("result").GetProperty("type").GetString() == "canceled"));
        Assert.Contains("batch.cancel", await Server.Cli.OkAsync(up.Data, "audit", "list"), StringComparison.Ordinal);
    }

    private Task<(HttpStatusCode Status, JsonElement Body)> CreateAsync(StringContent body) =>
        up.Server.Api.SendAsync(HttpMethod.Post, "/v1/messages/batches", body);
}
