using System.CommandLine;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Forebay.FunctionalTests.Replay;

public sealed class ReplayCommandTests : IDisposable
{
    private const string GoodKey = "good-key";

    private readonly string _folder = Directory.CreateTempSubdirectory("forebay-replay-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Runs <c>forebay replay</c> in this process, away from any server of this machine.</summary>
    private async Task<(int Status, string Output, string Error)> RunAsync(string key, params string[] arguments)
    {
        var configuration = new InvocationConfiguration { Output = new StringWriter(), Error = new StringWriter() };
        int status = await Program.BuildRoot()
            .Parse(["replay", "--data", _folder, "--key", key, .. arguments])
            .InvokeAsync(configuration);
        return (status, configuration.Output.ToString()!, configuration.Error.ToString()!);
    }

    private string TraceFile(string text)
    {
        string path = Path.Combine(_folder, "trace.csv");
        File.WriteAllText(path, text);
        return path;
    }

    [Fact]
    public async Task A_run_whose_requests_all_succeed_ends_with_zero_and_one_line_of_json()
    {
        await using var server = await ScriptedServer.StartAsync();
        string markdown = Path.Combine(_folder, "report.md");
        string html = Path.Combine(_folder, "report.html");

        (int status, string output, string error) = await RunAsync(
            GoodKey, "--url", $"{server.Url}", "--limit", "20", "--speed", "1000", "--json", "--markdown", markdown,
            "--html", html);

        Assert.Equal("", error);
        Assert.Equal(0, status);
        Assert.Single(output.TrimEnd('\n').Split('\n'));
        using var json = JsonDocument.Parse(output);
        Assert.Equal(20, json.RootElement.GetProperty("requests").GetProperty("succeeded").GetInt32());
        Assert.StartsWith("<!doctype html>", await File.ReadAllTextAsync(html), StringComparison.Ordinal);
        Assert.StartsWith("# Replay report", await File.ReadAllTextAsync(markdown), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_trace_file_is_sent_as_it_stands()
    {
        await using var server = await ScriptedServer.StartAsync();
        string trace = TraceFile("""
            TIMESTAMP,ContextTokens,GeneratedTokens
            2023-11-16 18:15:46.0000000,30,4
            2023-11-16 18:15:46.0100000,50,6
            """);

        (int status, string output, _) = await RunAsync(
            GoodKey, "--url", $"{server.Url}", "--trace", trace, "--model", "large", "--dialect", "openai");

        Assert.Equal(0, status);
        Assert.Contains("2 due, 2 sent, 0 not sent, 2 succeeded", output, StringComparison.Ordinal);
        Assert.Equal([(120, 4), (200, 6)], server.Seen.Select(s => (s.Prompt.Length, s.MaxTokens)).Order());
        Assert.All(server.Seen, s => Assert.Equal(("chat/completions", "large"), (s.Path, s.Model)));
    }

    [Fact]
    public async Task A_run_with_a_failed_request_ends_with_one_and_names_the_reason()
    {
        await using var server = await ScriptedServer.StartAsync();
        server.Script = (_, context) =>
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return Task.FromResult(true);
        };

        (int status, string output, _) = await RunAsync(
            GoodKey, "--url", $"{server.Url}", "--limit", "3", "--speed", "1000");

        Assert.Equal(1, status);
        Assert.Contains("http_503", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_mistake_is_told_at_once()
    {
        (int status, string output, string error) = await RunAsync(
            GoodKey, "--url", "nowhere", "--trace", Path.Combine(_folder, "absent.csv"), "--speed", "0", "--limit", "0",
            "--max-in-flight", "0", "--timeout", "0");

        Assert.Equal(1, status);
        Assert.Equal("", output);
        foreach (string option in (string[])["nowhere", "absent.csv", "--speed 0", "--limit 0", "--max-in-flight 0"])
        {
            Assert.Contains(option, error, StringComparison.Ordinal);
        }

        Assert.Contains("--timeout 0", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Mistakes_about_what_to_send_are_told_at_once_too()
    {
        string trace = TraceFile("TIMESTAMP,ContextTokens,GeneratedTokens\n");

        (int status, _, string error) = await RunAsync(
            GoodKey, "--url", "http://127.0.0.1:9", "--trace", trace, "--workload", "code", "--rate", "0", "--minutes",
            "-1", "--think", "-1");
        (_, _, string other) = await RunAsync(GoodKey, "--url", "http://127.0.0.1:9", "--sessions");

        Assert.Equal(1, status);
        foreach (string words in (string[])
            ["--trace and --workload exclude", "--rate is for a workload", "--rate 0", "--minutes -1", "--think -1"])
        {
            Assert.Contains(words, error, StringComparison.Ordinal);
        }

        Assert.Contains("--sessions is for a trace", other, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mooncake_trace_is_sent_with_its_blocks_and_in_sessions_where_asked()
    {
        await using var server = await ScriptedServer.StartAsync();
        string trace = TraceFile("""
            {"timestamp": 0, "input_length": 1100, "output_length": 2, "hash_ids": [0, 1, 2]}
            {"timestamp": 1, "input_length": 1600, "output_length": 2, "hash_ids": [0, 1, 3, 4]}
            """);

        (int status, string output, _) = await RunAsync(
            GoodKey, "--url", $"{server.Url}", "--trace", trace, "--sessions", "--think", "0.01");

        Assert.Equal(0, status);
        Assert.Contains("2 requests in 1 conversations", output, StringComparison.Ordinal);
        Assert.Contains("the trace implies 37.9%", output, StringComparison.Ordinal);
        Assert.Equal([4400, 6400], server.Seen.Select(s => s.Prompt.Length));
        Assert.Equal(server.Seen[0].Prompt[..4096], server.Seen[1].Prompt[..4096]);
        Assert.NotEqual(server.Seen[0].Prompt[4096..4112], server.Seen[1].Prompt[4096..4112]);
    }

    [Fact]
    public async Task A_broken_trace_sends_nothing()
    {
        await using var server = await ScriptedServer.StartAsync();
        string trace = TraceFile("""
            TIMESTAMP,ContextTokens,GeneratedTokens
            2023-11-16 18:15:46.0000000,30,4
            2023-11-16 18:15:46.0100000,many,6
            """);

        (int status, _, string error) = await RunAsync(GoodKey, "--url", $"{server.Url}", "--trace", trace);

        Assert.Equal(1, status);
        Assert.Contains("trace.csv:3: ContextTokens 'many' is not", error, StringComparison.Ordinal);
        Assert.Empty(server.Seen);
    }

    [Fact]
    public async Task A_refused_key_says_what_to_check()
    {
        await using var server = await ScriptedServer.StartAsync();

        (int status, _, string error) = await RunAsync("bad-key", "--url", $"{server.Url}");

        Assert.Equal(1, status);
        Assert.Contains("answered 401; check the URL and the key", error, StringComparison.Ordinal);
    }
}
