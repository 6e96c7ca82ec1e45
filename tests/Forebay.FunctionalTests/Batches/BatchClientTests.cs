using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text;
using System.Text.Json;
using Anthropic;
using Anthropic.Models.Messages;
using Anthropic.Models.Messages.Batches;
using Forebay.FunctionalTests.Server;
using OpenAI;
using OpenAI.Batch;
using OpenAI.Files;
using Xunit;

namespace Forebay.FunctionalTests.Batches;

#pragma warning disable OPENAI001 // The client is in preview; what it sends is not.
/// <summary>The vendors' own clients, on the real server.</summary>
[Collection(nameof(UpFixture))]
public sealed class BatchClientTests(UpFixture up)
{
    [Fact]
    public async Task Anthropics_client_makes_a_batch_waits_for_it_and_reads_its_results()
    {
        using AnthropicClient client = Anthropic();

        MessageBatch made = await client.Messages.Batches.Create(ParamsOf(
            $"[{BatchCalls.Request("good", "A forebay?")},{BatchCalls.Request("bad", model: "no-such-model")}]"));

        made.Validate();
        Assert.Equal("in_progress", made.ProcessingStatus.Raw());
        Assert.Equal(2, made.RequestCounts.Processing);
        Assert.Null(made.ResultsUrl);
        Assert.Equal(TimeSpan.FromHours(24), made.ExpiresAt - made.CreatedAt);
        MessageBatch ended = made;
        await Eventually.TrueAsync(
            async () => (ended = await client.Messages.Batches.Retrieve(made.ID)).ProcessingStatus.Raw() == "ended",
            () => "The batch did not end.");
        ended.Validate();
        Assert.Equal((1L, 1L, 0L), (ended.RequestCounts.Succeeded, ended.RequestCounts.Errored, ended.RequestCounts.Processing));
        Assert.StartsWith(up.Server.Api.BaseAddress!.ToString(), ended.ResultsUrl, StringComparison.Ordinal);

        var results = new Dictionary<string, MessageBatchIndividualResponse>();
        await foreach (MessageBatchIndividualResponse one in client.Messages.Batches.ResultsStreaming(made.ID))
        {
            one.Validate();
            Assert.True(results.TryAdd(one.CustomID, one));
        }

        Assert.Equal(["bad", "good"], results.Keys.Order());
        Assert.True(results["good"].Result.TryPickSucceeded(out MessageBatchSucceededResult? good));
        Assert.Equal(BatchCalls.Model, good.Message.Model.Raw());
        // What the engine says of itself stands.
        Assert.Equal("standard", good.Message.Usage.ServiceTier!.Raw());
        Assert.True(results["bad"].Result.TryPickErrored(out MessageBatchErroredResult? bad));
        Assert.Contains("no-such-model", bad.Error.Error.Message, StringComparison.Ordinal);

        BatchListPage page = await client.Messages.Batches.List(new BatchListParams { Limit = 100 });
        Assert.Contains(page.Items, b => b.ID == made.ID);
        DeletedMessageBatch deleted = await client.Messages.Batches.Delete(made.ID);
        Assert.Equal(made.ID, deleted.ID);
        await Assert.ThrowsAnyAsync<Exception>(() => client.Messages.Batches.Retrieve(made.ID));
    }

    [Fact]
    public async Task OpenAis_client_uploads_makes_a_batch_and_downloads_its_output()
    {
        OpenAIFileClient files = new(Credential, Options<OpenAIClientOptions>());
        BatchClient batches = new(Credential, new BatchClientOptions { Endpoint = Endpoint });
        string input = string.Join('\n', Enumerable.Range(0, 5).Select(i => BatchCalls.Line($"line-{i}")));

        OpenAIFile file = await files.UploadFileAsync(
            BinaryData.FromString(input), "你好.jsonl", FileUploadPurpose.Batch);
        Assert.Equal((FilePurpose.Batch, "你好.jsonl", Encoding.UTF8.GetByteCount(input)),
            (file.Purpose, file.Filename, file.SizeInBytesLong));
        Assert.Equal(input, (await files.DownloadFileAsync(file.Id)).Value.ToString());
        CreateBatchOperation operation = await batches.CreateBatchAsync(
            BinaryContent.Create(BinaryData.FromString(
                $$$"""
                {"input_file_id":"{{{file.Id}}}","endpoint":"/v1/chat/completions","completion_window":"24h","metadata":{"a":"b"}}
                """)),
            waitUntilCompleted: false);
        JsonElement ended = await up.Server.Api.EndedAsync(operation.BatchId);

        Assert.Equal("completed", ended.GetProperty("status").GetString());
        Assert.Equal(BatchCalls.Model, ended.GetProperty("model").GetString());
        Assert.Equal("b", ended.GetProperty("metadata").GetProperty("a").GetString());
        Assert.Equal(5, ended.GetProperty("request_counts").GetProperty("completed").GetInt32());
        Assert.True(ended.GetProperty("usage").GetProperty("output_tokens").GetInt64() >= 5);
        Assert.Equal(JsonValueKind.Null, ended.GetProperty("error_file_id").ValueKind);
        string output = (await files.DownloadFileAsync(ended.GetProperty("output_file_id").GetString())).Value.ToString();
        JsonElement[] lines =
            [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement)];
        Assert.Equal(
            Enumerable.Range(0, 5).Select(i => $"line-{i}"),
            lines.Select(l => l.GetProperty("custom_id").GetString()!).Order());
        Assert.All(lines, l =>
        {
            JsonElement response = l.GetProperty("response");
            Assert.Equal(200, response.GetProperty("status_code").GetInt32());
            Assert.Equal("chat.completion", response.GetProperty("body").GetProperty("object").GetString());
            Assert.Equal(JsonValueKind.Null, l.GetProperty("error").ValueKind);
        });

        FileDeletionResult gone = await files.DeleteFileAsync(file.Id);
        Assert.True(gone.Deleted);
        var missing = await Assert.ThrowsAsync<ClientResultException>(() => files.GetFileAsync(file.Id));
        Assert.Equal(404, missing.Status);
        Assert.Contains($"No such File object: {file.Id}", missing.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_batch_may_be_of_responses()
    {
        string file = await up.Server.Api.UploadAsync(
            """{"custom_id":"r","method":"POST","url":"/v1/responses","body":{"model":"atlas-small","input":"Hi","store":false}}""");
        (_, JsonElement made) = await up.Server.Api.SendAsync(HttpMethod.Post, "/v1/batches", BatchCalls.Json(
            $$"""{"input_file_id":"{{file}}","endpoint":"/v1/responses","completion_window":"24h"}"""));

        JsonElement ended = await up.Server.Api.EndedAsync(made.GetProperty("id").GetString()!);

        string output = ended.GetProperty("output_file_id").GetString()!;
        JsonElement line = (await up.Server.Api.LinesAsync($"/v1/files/{output}/content"))["r"];
        Assert.Equal("response", line.GetProperty("response").GetProperty("body").GetProperty("object").GetString());
    }

    [Fact]
    public async Task Lists_go_in_pages_both_ways()
    {
        HttpClient api = up.Server.Api;
        var made = new List<string>();
        for (int i = 0; i < 4; i++)
        {
            made.Insert(0, await api.CreateAsync(BatchCalls.Requests(BatchCalls.Request("one"))));
        }

        (_, JsonElement first) = await api.SendAsync(HttpMethod.Get, "/v1/messages/batches?limit=2");
        (_, JsonElement second) = await api.SendAsync(
            HttpMethod.Get, $"/v1/messages/batches?limit=2&after_id={first.GetProperty("last_id").GetString()}");
        (_, JsonElement back) = await api.SendAsync(
            HttpMethod.Get, $"/v1/messages/batches?limit=2&before_id={second.GetProperty("first_id").GetString()}");

        Assert.Equal(made[..2], IdsOf(first));
        Assert.True(first.GetProperty("has_more").GetBoolean());
        Assert.Equal(made[2..], IdsOf(second));
        Assert.Equal(made[..2], IdsOf(back));
        Assert.Equal(made[0], back.GetProperty("first_id").GetString());
        Assert.False(back.GetProperty("has_more").GetBoolean());
    }

    private static IEnumerable<string> IdsOf(JsonElement page) =>
        page.GetProperty("data").EnumerateArray().Select(b => b.GetProperty("id").GetString()!);

    private Uri Endpoint => new(up.Server.Api.BaseAddress!, "/v1");

    private ApiKeyCredential Credential => new(up.Server.Ready.ApiKey!);

    private T Options<T>()
        where T : OpenAIClientOptions, new() => new() { Endpoint = Endpoint, RetryPolicy = new ClientRetryPolicy(0) };

    private AnthropicClient Anthropic() => new()
    {
        BaseUrl = up.Server.Api.BaseAddress!.ToString(),
        ApiKey = up.Server.Ready.ApiKey!,
        ResponseValidation = true,
        MaxRetries = 0,
    };

    private static BatchCreateParams ParamsOf(string requests)
    {
        var none = new Dictionary<string, JsonElement>();
        return BatchCreateParams.FromRawUnchecked(
            none, none, new Dictionary<string, JsonElement> { ["requests"] = JsonDocument.Parse(requests).RootElement });
    }
}
