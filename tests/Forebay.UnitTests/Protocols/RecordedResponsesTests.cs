using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Forebay.Protocols;
using Forebay.TestKit;
using Forebay.UnitTests.Protocols.Streams;
using Xunit;

namespace Forebay.UnitTests.Protocols;

/// <summary>What real servers sent, as the vendors' and others' projects recorded it.</summary>
public sealed class RecordedResponsesTests
{
    private const string SdkFixtures = "api/data/anthropic-sdk-fixtures";
    private const string AiSdkFixtures = "api/data/ai-sdk-fixtures";
    private const string Sessions = "api/data/openai-dotnet-sessions";

    [Fact]
    public void Streams_recorded_by_the_Anthropic_SDKs_are_followed()
    {
        WireUsage total = default;
        int streams = 0;
        foreach (string file in Files(SdkFixtures, "*.txt").Concat(Files(SdkFixtures, "*.sse")))
        {
            byte[] stream = File.ReadAllBytes(file);
            List<string> data = DataLines(Encoding.UTF8.GetString(stream));
            StreamRun run = Whole(WireDialect.Anthropic, stream, Path.GetFileName(file));

            Assert.Equal(ExpectedUsage.OfAnthropicStream(data), run.Observer.Usage);
            Assert.Equal(data.Any(line => line.Contains("message_stop", StringComparison.Ordinal)),
                run.Observer.Terminated);
            total = Add(total, run.Observer.Usage);
            streams++;
        }

        Assert.Equal((13, 13), (streams, Files(SdkFixtures, "*.txt").Count + Files(SdkFixtures, "*.sse").Count));
        Assert.Equal(new WireUsage(true, 1_863, 0, 0, 1_173), total);
    }

    [Fact]
    public void Anthropic_streams_recorded_by_the_AI_SDK_are_followed()
    {
        WireUsage total = default;
        int streams = 0;
        int resets = 0;
        foreach (string file in Files(AiSdkFixtures, "*.chunks.txt"))
        {
            string[] lines = [.. File.ReadLines(file).Where(line => line.Length > 0)];
            if (!lines[0].StartsWith("{\"type\":\"message_start\"", StringComparison.Ordinal))
            {
                continue;
            }

            // Some files hold the answers of a whole tool loop one after the other.
            foreach (string[] answer in Split(lines))
            {
                StreamRun run = Whole(WireDialect.Anthropic, AnthropicSse(answer), Path.GetFileName(file));

                Assert.Equal(ExpectedUsage.OfAnthropicStream(answer), run.Observer.Usage);
                Assert.True(run.Observer.Terminated, file);
                Assert.NotNull(run.Observer.StopReason);
                resets += run.Observer.HasReset ? 1 : 0;
                total = Add(total, run.Observer.Usage);
                streams++;
            }
        }

        Assert.Equal((51, 2), (streams, resets));
        Assert.Equal(new WireUsage(true, 415_328, 6_289, 3_337, 21_875), total);
    }

    [Fact]
    public void OpenAI_streams_recorded_by_the_AI_SDK_are_followed()
    {
        int streams = 0;
        foreach (string file in Files(AiSdkFixtures, "openai*.chunks.txt").Concat(Files(AiSdkFixtures, "*.sse")))
        {
            string text = File.ReadAllText(file);
            string[] lines = text.StartsWith("data:", StringComparison.Ordinal)
                ? [.. DataLines(text).Where(line => line != "[DONE]")]
                : [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries)];
            FollowOpenAi(lines, Path.GetFileName(file));
            streams++;
        }

        Assert.Equal(5, streams);
    }

    [Fact]
    public void OpenAI_sessions_are_read_both_ways()
    {
        var total = default(WireUsage);
        int requests = 0;
        int bodies = 0;
        int streams = 0;
        int errors = 0;
        foreach (JsonNode exchange in Exchanges())
        {
            string uri = new Uri(exchange["RequestUri"]!.GetValue<string>()).AbsolutePath;
            if (uri != "/v1/chat/completions" || exchange["RequestMethod"]!.GetValue<string>() != "POST")
            {
                continue;
            }

            byte[] request = Encoding.UTF8.GetBytes(exchange["RequestBody"]!.ToJsonString());
            Assert.True(RequestReader.TryRead(WireDialect.OpenAi, request, false, out _, out RequestProblem problem),
                problem.Message);
            requests++;
            if (exchange["ResponseBody"] is JsonArray lines)
            {
                string stream = string.Concat(lines.Select(line => line!.GetValue<string>()));
                string[] data = [.. DataLines(stream).Where(line => line != "[DONE]")];
                total = Add(total, FollowOpenAi(data, uri));
                streams++;
                continue;
            }

            string body = exchange["ResponseBody"]!.ToJsonString();
            using JsonDocument document = JsonDocument.Parse(body);
            byte[] bytes = Encoding.UTF8.GetBytes(body);
            Assert.True(ResponseReader.TryRead(WireDialect.OpenAi, bytes, out ResponseFacts facts), body);
            Assert.Equal(ExpectedUsage.OfOpenAi([document.RootElement]), facts.Usage);
            Assert.Equal(exchange["StatusCode"]!.GetValue<int>() >= 400, facts.IsError);
            errors += facts.IsError ? 1 : 0;
            total = Add(total, facts.Usage);
            bodies++;
        }

        Assert.Equal((74, 71, 3, 2), (requests, bodies, streams, errors));
        Assert.Equal(new WireUsage(true, 12_417, 0, 0, 7_834), total);
    }

    [Fact]
    public void Whole_messages_recorded_by_the_AI_SDK_are_read()
    {
        var total = default(WireUsage);
        int messages = 0;
        foreach (string file in Files(AiSdkFixtures, "*.json"))
        {
            byte[] body = File.ReadAllBytes(file);
            using JsonDocument document = JsonDocument.Parse(body);
            bool anthropic = document.RootElement.TryGetProperty("stop_reason", out JsonElement reason);
            if (!anthropic && !document.RootElement.TryGetProperty("choices", out _))
            {
                continue;
            }

            WireDialect dialect = anthropic ? WireDialect.Anthropic : WireDialect.OpenAi;
            Assert.True(ResponseReader.TryRead(dialect, body, out ResponseFacts facts), file);
            Assert.Equal(
                anthropic
                    ? ExpectedUsage.OfAnthropicMessage(document.RootElement)
                    : ExpectedUsage.OfOpenAi([document.RootElement]),
                facts.Usage);
            Assert.False(facts.IsError || facts.IsUsageSuspect, file);
            Assert.Equal(anthropic ? reason.GetString() : facts.StopReason, facts.StopReason);
            total = Add(total, facts.Usage);
            messages++;
        }

        Assert.Equal(34, messages);
        Assert.Equal(new WireUsage(true, 1_068_605, 246, 0, 28_222), total);
    }

    /// <summary>Follows a stream in one piece and in many, which must agree; it must pass untouched.</summary>
    private static StreamRun Whole(WireDialect dialect, byte[] stream, string name)
    {
        StreamRun run = StreamRun.Of(dialect, stream);
        Assert.DoesNotContain(StreamEventKind.Malformed, run.Kinds);
        Assert.True(stream.AsSpan().SequenceEqual(run.SentBytes), name);
        Assert.False(run.Observer.IsUsageSuspect, name);
        for (int seed = 0; seed < 3; seed++)
        {
            StreamRun cut = StreamRun.Of(dialect, stream, default, new Random(seed));
            Assert.Equal(run.Kinds, cut.Kinds);
            Assert.Equal(run.Observer.Usage, cut.Observer.Usage);
        }

        return run;
    }

    private static WireUsage FollowOpenAi(string[] lines, string name)
    {
        byte[] stream = Encoding.UTF8.GetBytes(string.Concat(lines.Append("[DONE]").Select(l => $"data: {l}\n\n")));
        StreamRun run = Whole(WireDialect.OpenAi, stream, name);
        List<JsonDocument> chunks = [.. lines.Select(line => JsonDocument.Parse(line))];

        Assert.Equal(ExpectedUsage.OfOpenAi(chunks.Select(chunk => chunk.RootElement)), run.Observer.Usage);
        Assert.True(run.Observer.Terminated);
        Assert.Equal(
            lines.Any(line => line.Contains("\"finish_reason\":\"", StringComparison.Ordinal)),
            run.Observer.StopReason is not null);

        // With usage taken out and the model renamed every chunk is still JSON, and says so.
        StreamRun rewritten = StreamRun.Of(WireDialect.OpenAi, stream, new StreamRewrite("\"mine\""u8.ToArray(), true));
        foreach (string line in DataLines(rewritten.Sent).Where(line => line != "[DONE]"))
        {
            using JsonDocument chunk = JsonDocument.Parse(line);
            Assert.Equal("mine", chunk.RootElement.GetProperty("model").GetString());
            bool hasUsage = chunk.RootElement.TryGetProperty("usage", out JsonElement usage);
            Assert.False(hasUsage && usage.ValueKind == JsonValueKind.Null);
        }

        chunks.ForEach(chunk => chunk.Dispose());
        return run.Observer.Usage;
    }

    private static IEnumerable<string[]> Split(string[] lines)
    {
        int start = 0;
        for (int i = 0; i < lines.Length; i++)
        {
            if (lines[i].StartsWith("{\"type\":\"message_stop\"", StringComparison.Ordinal))
            {
                yield return lines[start..(i + 1)];
                start = i + 1;
            }
        }

        Assert.Equal(lines.Length, start);
    }

    private static byte[] AnthropicSse(IEnumerable<string> lines) => Encoding.UTF8.GetBytes(string.Concat(
        lines.Select(line => $"event: {JsonNode.Parse(line)!["type"]!.GetValue<string>()}\ndata: {line}\n\n")));

    private static List<string> DataLines(string stream) =>
        [.. stream.Split('\n').Where(l => l.StartsWith("data:", StringComparison.Ordinal)).Select(l => l[5..].Trim())];

    private static IEnumerable<JsonNode> Exchanges() =>
        Folder(Sessions).EnumerateFiles("*.json", SearchOption.AllDirectories).OrderBy(file => file.FullName)
            .SelectMany(file => JsonNode.Parse(File.ReadAllBytes(file.FullName))!["Entries"]!.AsArray())
            .Select(entry => entry!);

    private static List<string> Files(string relative, string pattern) =>
        [.. Folder(relative).EnumerateFiles(pattern).Select(file => file.FullName).Order(StringComparer.Ordinal)];

    private static DirectoryInfo Folder(string relative)
    {
        string? path = SharedFiles.Find(relative);
        if (path is null)
        {
            Assert.Skip(SharedFiles.SkipReason(relative));
        }

        return new DirectoryInfo(path);
    }

    private static WireUsage Add(WireUsage a, WireUsage b) => new(
        a.Known || b.Known,
        a.Input + b.Input,
        a.CacheRead + b.CacheRead,
        a.CacheWrite + b.CacheWrite,
        a.Output + b.Output);
}
