using System.Text;
using System.Text.Json.Nodes;
using Forebay.Protocols;
using Forebay.TestKit;
using Forebay.UnitTests.Protocols.Streams;
using Forebay.UnitTests.Protocols.Translation;
using Xunit;

namespace Forebay.UnitTests.Protocols;

/// <summary>What OpenAI sent on its Responses and embeddings surfaces, as its own project recorded it.</summary>
public sealed class RecordedSurfacesTests
{
    private const string Sessions = "api/data/openai-dotnet-sessions";

    private static IEnumerable<JsonNode> Exchanges(string path)
    {
        if (SharedFiles.Find(Sessions) is not { } folder)
        {
            Assert.Skip(SharedFiles.SkipReason(Sessions));
            yield break;
        }

        foreach (string file in Directory.EnumerateFiles(folder, "*.json", SearchOption.AllDirectories).Order())
        {
            foreach (JsonNode? entry in JsonNode.Parse(File.ReadAllBytes(file))!["Entries"]!.AsArray())
            {
                if (entry!["RequestMethod"]!.GetValue<string>() == "POST"
                    && new Uri(entry["RequestUri"]!.GetValue<string>()).AbsolutePath == path)
                {
                    yield return entry;
                }
            }
        }
    }

    private static WireUsage UsageOf(JsonNode? usage)
    {
        if (usage is null)
        {
            return default;
        }

        long input = (usage["input_tokens"] ?? usage["prompt_tokens"])!.GetValue<long>();
        long cached = usage["input_tokens_details"]?["cached_tokens"]?.GetValue<long>() ?? 0;
        return new WireUsage(true, input - cached, cached, 0, usage["output_tokens"]?.GetValue<long>() ?? 0);
    }

    [Fact]
    public void Requests_are_read_and_either_translated_or_refused_by_name()
    {
        int requests = 0;
        int translated = 0;
        foreach (JsonNode exchange in Exchanges("/v1/responses"))
        {
            string body = exchange["RequestBody"]!.ToJsonString();
            if (exchange["RequestBody"]!["model"] is null)
            {
                // The model of a prompt that is kept there: nobody here could say which.
                Assert.NotNull(exchange["RequestBody"]!["prompt"]);
                continue;
            }

            Assert.True(
                RequestReader.TryRead(
                    WireDialect.Responses, Encoding.UTF8.GetBytes(body), false, out RequestFacts facts, out RequestProblem bad),
                bad.Message + body);
            Assert.Equal(exchange["RequestBody"]!["model"]!.GetValue<string>(), facts.Model);
            Assert.Equal(exchange["RequestBody"]!["previous_response_id"] is not null, !facts.PreviousResponse.IsEmpty);
            requests++;
            foreach (WireDialect to in (WireDialect[])[WireDialect.Anthropic, WireDialect.OpenAi])
            {
                (_, RequestTranslation result) = Translate.Request(WireDialect.Responses, body, to);
                translated += result.Problems.Count == 0 ? 1 : 0;
                Assert.DoesNotContain(
                    result.Problems,
                    p => p.Contains("is not known here, so it cannot", StringComparison.Ordinal));
            }
        }

        Assert.True(requests > 60 && translated > 60, $"{requests} requests, {translated} translated");
    }

    [Fact]
    public void Answers_and_streams_are_followed_and_pass_as_they_came()
    {
        int bodies = 0;
        int streams = 0;
        int errors = 0;
        foreach (JsonNode exchange in Exchanges("/v1/responses"))
        {
            bool isError = exchange["StatusCode"]!.GetValue<int>() >= 400;
            if (exchange["ResponseBody"] is JsonArray lines)
            {
                byte[] stream = Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line!.GetValue<string>())));
                StreamRun run = StreamRun.Of(WireDialect.Responses, stream);
                JsonNode last = Translate.DataOf(Encoding.UTF8.GetString(stream))[^1];
                Assert.DoesNotContain(StreamEventKind.Malformed, run.Kinds);
                Assert.True(stream.AsSpan().SequenceEqual(run.SentBytes));
                Assert.True(run.Observer.Terminated);
                Assert.Equal(last["sequence_number"]!.GetValue<long>() + 1, run.Observer.NextSequence);
                Assert.Equal(UsageOf(last["response"]!["usage"]), run.Observer.Usage);
                TranslatedTextIsTheSame(stream, last["response"]!);
                streams++;
                continue;
            }

            byte[] body = Encoding.UTF8.GetBytes(exchange["ResponseBody"]!.ToJsonString());
            Assert.True(ResponseReader.TryRead(WireDialect.Responses, body, out ResponseFacts facts));
            Assert.Equal(isError, facts.IsError);
            Assert.Equal(UsageOf(exchange["ResponseBody"]!["usage"]), facts.Usage);
            errors += isError ? 1 : 0;
            bodies++;
        }

        Assert.True(bodies > 60 && streams >= 5, $"{bodies} bodies, {streams} streams, {errors} errors");
    }

    private static void TranslatedTextIsTheSame(byte[] stream, JsonNode response)
    {
        string expected = string.Concat(response["output"]!.AsArray()
            .Where(o => o!["type"]!.GetValue<string>() == "message")
            .SelectMany(o => o!["content"]!.AsArray())
            .Select(c => c!["text"]?.GetValue<string>()));
        string said = string.Concat(Translate.DataOf(Translate.Stream(
                WireDialect.Responses, stream, to: WireDialect.Anthropic))
            .Select(e => e["delta"]?["text"]?.GetValue<string>()));
        Assert.Equal(expected, said);
    }

    [Fact]
    public void Embeddings_are_read_both_ways()
    {
        int requests = 0;
        int refused = 0;
        int answers = 0;
        foreach (JsonNode exchange in Exchanges("/v1/embeddings"))
        {
            bool isError = exchange["StatusCode"]!.GetValue<int>() >= 400;
            JsonNode request = exchange["RequestBody"]!;
            bool good = EmbeddingRequestReader.TryRead(
                Encoding.UTF8.GetBytes(request.ToJsonString()), out EmbeddingFacts facts, out _);
            requests++;
            refused += good ? 0 : 1;
            Assert.True(good || isError, request.ToJsonString());
            byte[] body = Encoding.UTF8.GetBytes(exchange["ResponseBody"]!.ToJsonString());
            Assert.True(ResponseReader.TryReadEmbeddings(body, out ResponseFacts answer));
            Assert.Equal(isError, answer.IsError);
            if (isError)
            {
                continue;
            }

            answers++;
            Assert.Equal(UsageOf(exchange["ResponseBody"]!["usage"]), answer.Usage);
            Assert.Equal(exchange["ResponseBody"]!["data"]!.AsArray().Count, facts.Items);
            Assert.InRange(facts.Request.EstimatedInputTokens, 1, 4 * answer.Usage.Input + 8);
        }

        Assert.True(requests >= 8 && refused >= 3 && answers >= 4, $"{requests}, {refused} refused, {answers} answers");
    }
}
