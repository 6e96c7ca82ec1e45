using System.Net;
using System.Text.Json;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Server;
using Forebay.TestKit;
using Xunit;

namespace Forebay.FunctionalTests.Batches;

/// <summary>kill -9 while items run: none is lost, none is answered or charged twice, and nothing can be read of what lies
/// on the disk.</summary>
public sealed class BatchKillTests
{
    private const int Items = 60;
    private const string Prompt = "quebradillas de la sierra";

    [Fact]
    public async Task A_batch_survives_kill_9_and_each_item_is_answered_and_charged_once()
    {
        using var folder = new TemporaryFolder();
        string data = folder.File("data");
        string key;
        string id;
        await using (ForebayProcess first = await UpAsync(data))
        {
            key = first.Ready.ApiKey!;
            id = await first.Api.CreateAsync(BatchCalls.Requests(
                Enumerable.Range(0, Items).Select(i => BatchCalls.Request($"item-{i}", Prompt, maxTokens: 64))));
            // Some items have been answered and some are under way.
            await Eventually.TrueAsync(
                async () => (await StatusOf(data, id)).GetProperty("succeeded").GetInt32() >= 5,
                () => "No item was answered.");
            first.Signal(ProcessSignal.Kill);
            await first.EndedAsync();
        }

        NothingReadable(data);
        IReadOnlyDictionary<string, JsonElement> results;
        await using (ForebayProcess second = await UpAsync(data))
        {
            JsonElement ended = await second.Api.EndedAsync(id, key);
            Assert.Equal(Items, ended.GetProperty("request_counts").GetProperty("succeeded").GetInt32());
            results = await second.Api.ResultsAsync(id, key);
            await second.StopAsync();
        }

        Assert.Equal(
            Enumerable.Range(0, Items).Select(i => $"item-{i}").Order(), results.Keys.Order());
        Assert.All(results.Values, r => Assert.Equal("succeeded", r.GetProperty("result").GetProperty("type").GetString()));
        IReadOnlyList<UsageRecord> records = await ServerRecords.ReadAsync(data);
        Assert.All(records, r => Assert.True(r.Batch));
        Assert.Equal(Items, records.Count(r => r.Outcome == UsageOutcome.Completed && r.CustomerPriceMicros > 0));
        // What was under way at the kill is recorded, and cost nothing.
        Assert.All(records.Where(r => r.Outcome == UsageOutcome.Interrupted), r => Assert.Equal(0, r.CustomerPriceMicros));
        NothingReadable(data);
        Assert.Empty(Directory.GetFiles(Path.Combine(data, "contents", "items")));
    }

    [Fact]
    public async Task A_wrong_or_missing_key_stops_the_start_and_destroys_nothing()
    {
        using var folder = new TemporaryFolder();
        string data = folder.File("data");
        string file;
        string key;
        await using (ForebayProcess first = await UpAsync(data))
        {
            key = first.Ready.ApiKey!;
            file = await first.Api.UploadAsync(BatchCalls.Line("a", Prompt));
            await first.StopAsync();
        }

        string keyFile = Path.Combine(data, "contents.key");
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(keyFile));
        }

        string right = await File.ReadAllTextAsync(keyFile);
        File.Delete(keyFile);
        Ended missing = await ForebayProcess.RunAsync(Arguments(data));
        await File.WriteAllTextAsync(keyFile, new string('a', 64));
        Ended wrong = await ForebayProcess.RunAsync(Arguments(data));
        await File.WriteAllTextAsync(keyFile, "not a key");
        Ended none = await ForebayProcess.RunAsync(Arguments(data));
        Assert.All([missing, wrong, none], e => Assert.Equal(1, e.Code));
        Assert.Contains("contents.key is missing", missing.Errors, StringComparison.Ordinal);
        Assert.Contains("is not the one that the stored batches and files were", wrong.Errors, StringComparison.Ordinal);
        Assert.Contains("does not hold a key", none.Errors, StringComparison.Ordinal);

        await File.WriteAllTextAsync(keyFile, right);
        await using ForebayProcess again = await UpAsync(data);
        IReadOnlyDictionary<string, JsonElement> lines = await again.Api.LinesAsync($"/v1/files/{file}/content", key);
        Assert.Single(lines);
    }

    [Fact]
    public async Task Another_tenants_batches_and_files_are_as_unknown_as_none()
    {
        using var folder = new TemporaryFolder();
        string data = folder.File("data");
        await using ForebayProcess server = await UpAsync(data);
        HttpClient api = server.Api;
        string other = await Server.Cli.NewKeyAsync(data, "hobby");
        string batch = await api.CreateAsync(BatchCalls.Requests(BatchCalls.Request("mine", Prompt)));
        await api.EndedAsync(batch);
        string file = await api.UploadAsync(BatchCalls.Line("mine", Prompt));

        foreach ((HttpMethod method, string path) in new[]
        {
            (HttpMethod.Get, "/v1/messages/batches/{0}"), (HttpMethod.Get, "/v1/messages/batches/{0}/results"),
            (HttpMethod.Post, "/v1/messages/batches/{0}/cancel"), (HttpMethod.Delete, "/v1/messages/batches/{0}"),
            (HttpMethod.Get, "/v1/batches/{0}"), (HttpMethod.Post, "/v1/batches/{0}/cancel"),
        })
        {
            await SameAsUnknownAsync(api, method, path, batch, "msgbatch_01unknown", other);
        }

        foreach ((HttpMethod method, string path) in new[]
        {
            (HttpMethod.Get, "/v1/files/{0}"), (HttpMethod.Get, "/v1/files/{0}/content"),
            (HttpMethod.Delete, "/v1/files/{0}"),
        })
        {
            await SameAsUnknownAsync(api, method, path, file, "file-unknown", other);
        }

        (HttpStatusCode status, JsonElement stolen) = await api.SendAsync(
            HttpMethod.Post, "/v1/batches", BatchCalls.Json(
                $$"""{"input_file_id":"{{file}}","endpoint":"/v1/chat/completions","completion_window":"24h"}"""), other);
        Assert.Equal(HttpStatusCode.NotFound, status);
        Assert.DoesNotContain(Prompt, stolen.ToString(), StringComparison.Ordinal);
        foreach (string list in new[] { "/v1/messages/batches", "/v1/batches", "/v1/files" })
        {
            (_, JsonElement page) = await api.SendAsync(HttpMethod.Get, list, null, other);
            Assert.Empty(page.GetProperty("data").EnumerateArray());
        }

        Assert.Single(await api.ResultsAsync(batch));
        Assert.Single(await api.LinesAsync($"/v1/files/{file}/content"));
    }

    private static async Task SameAsUnknownAsync(
        HttpClient api, HttpMethod method, string path, string id, string unknown, string key)
    {
        (HttpStatusCode status, JsonElement body) = await api.SendAsync(method, string.Format(path, id), null, key);
        (HttpStatusCode none, JsonElement nothing) = await api.SendAsync(method, string.Format(path, unknown), null, key);
        Assert.Equal((HttpStatusCode.NotFound, HttpStatusCode.NotFound), (status, none));
        Assert.Equal(
            nothing.GetProperty("error").GetProperty("message").GetString()!.Replace(unknown, id, StringComparison.Ordinal),
            body.GetProperty("error").GetProperty("message").GetString());
    }

    private static string[] Arguments(string data) =>
        ["up", "--json", "--port", "0", "--admin-port", "0", "--data", data, "--time-scale", "20"];

    /// <summary>Engines slow enough that a kill finds items under way.</summary>
    private static Task<ForebayProcess> UpAsync(string data) => ForebayProcess.StartAsync(Arguments(data));

    private static async Task<JsonElement> StatusOf(string data, string id) =>
        JsonDocument.Parse(await Server.Cli.OkAsync(data, "batch", "show", id, "--json")).RootElement;

    private static void NothingReadable(string data)
    {
        byte[] prompt = System.Text.Encoding.UTF8.GetBytes(Prompt);
        string[] files = Directory.GetFiles(data, "*", SearchOption.AllDirectories);
        Assert.Contains(files, f => f.EndsWith(".fbc", StringComparison.Ordinal));
        Assert.All(files, f =>
        {
            using FileStream file = new(f, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var bytes = new MemoryStream();
            file.CopyTo(bytes);
            Assert.True(bytes.GetBuffer().AsSpan(0, (int)bytes.Length).IndexOf(prompt) < 0, $"{f} holds the prompt");
        });
    }
}
