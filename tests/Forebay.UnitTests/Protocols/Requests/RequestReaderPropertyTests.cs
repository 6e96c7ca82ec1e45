using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Forebay.Protocols;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Protocols.Requests;

public sealed class RequestReaderPropertyTests
{
    private const string Sample = """
        {"model":"cl\u0061ude","max_tokens":16,"stream":true,"stream_options":{"include_usage":false,"x":[1,-0.5e+3]},
        "system":[{"type":"text","text":"a\n\"b\" é","cache_control":{"type":"ephemeral"}}],
        "tools":[{"name":"t","description":"d","input_schema":{"type":"object","required":["a"]}}],
        "messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"tool_use","id":"i",
        "name":"t","input":{"a":[true,null,1.5]}}]},{"content":[{"type":"image","source":{"type":"base64","data":"A"}}],
        "role":"user"}],"extra":{}}
        """;

    /// <summary>System.Text.Json is the judge of what is JSON: the reader may refuse more, but never accepts other
    /// bytes nor calls good JSON bad.</summary>
    [Theory]
    [InlineData(WireDialect.Anthropic)]
    [InlineData(WireDialect.OpenAi)]
    public void Mutated_bodies_never_throw_and_JSON_is_what_the_platform_says_it_is(WireDialect dialect)
    {
        byte[] original = Encoding.UTF8.GetBytes(Sample);
        var random = new Random(20261122);
        int accepted = 0;
        int notJson = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] body = Mutation.Of(original, random);
            bool good = RequestReader.TryRead(dialect, body, false, out RequestFacts facts, out RequestProblem problem);
            if (good)
            {
                accepted++;
                Assert.True(IsJson(body), Encoding.UTF8.GetString(body));
                Splice(dialect, facts, body);
            }
            else if (problem.Message.StartsWith("The request body is not valid", StringComparison.Ordinal))
            {
                notJson++;
                Assert.False(IsJson(body), problem.Message + "\n" + Encoding.UTF8.GetString(body));
            }
            else
            {
                Assert.NotEqual("", problem.Message);
            }
        }

        Assert.True(accepted > 1_000 && notJson > 1_000, $"{accepted} accepted, {notJson} not JSON");
    }

    /// <summary>Escapes are passed over a block at a time, so they stand here at every offset, in runs and across the
    /// ends of blocks. An escape of one letter is one byte of text.</summary>
    [Fact]
    public void Text_dense_with_escapes_is_read_as_the_platform_reads_it_and_weighs_what_it_says()
    {
        string[] pieces = [@"\n", @"\""", @"\\", @"\/", @"\t", @"\b\f", "a", "/", "n", "code ", "é", "0123456789", "`u"];
        string[] rare = [@"\u00e9", @"\x", @"\u12", "\u0001", "\\"];
        var random = new Random(20261123);
        int good = 0;
        for (int i = 0; i < 20_000; i++)
        {
            var text = new StringBuilder();
            bool strange = random.Next(3) == 0;
            for (int length = random.Next(120); length > 0; length--)
            {
                text.Append(strange && random.Next(40) == 0
                    ? rare[random.Next(rare.Length)]
                    : pieces[random.Next(pieces.Length)]);
            }

            byte[] body = Ask(text.ToString());
            bool read = RequestReader.TryRead(WireDialect.OpenAi, body, false, out RequestFacts facts, out _);
            Assert.True(read == IsJson(body), text.ToString());
            if (read && !strange)
            {
                good++;
                string plain = Regex.Replace(text.ToString(), @"\\.", "x");
                _ = RequestReader.TryRead(WireDialect.OpenAi, Ask(plain), false, out RequestFacts bare, out _);
                Assert.Equal(bare.EstimatedInputTokens, facts.EstimatedInputTokens);
            }
        }

        Assert.True(good > 10_000);
    }

    private static byte[] Ask(string rawText) => Encoding.UTF8.GetBytes(
        """{"model":"m","messages":[{"role":"user","content":"TEXT"}]}""".Replace("TEXT", rawText));

    [Theory]
    [InlineData("anthropic-sdk-1.12.0.jsonl")]
    [InlineData("anthropic-sdk-0.137.0.jsonl")]
    [InlineData("openai-7.57.0.jsonl")]
    [InlineData("dotnet-anthropic-13.12.0-openai-2.15.0.jsonl")]
    public void What_real_clients_send_is_read_and_splices_cleanly(string file)
    {
        string relative = "api/data/captured/" + file;
        string? path = SharedFiles.Find(relative);
        if (path is null)
        {
            Assert.Skip(SharedFiles.SkipReason(relative));
        }

        int read = 0;
        foreach (string line in File.ReadLines(path))
        {
            JsonNode exchange = JsonNode.Parse(line)!;
            string url = exchange["url"]!.GetValue<string>().Split('?')[0];
            bool count = url == "/v1/messages/count_tokens";
            if (!count && url is not ("/v1/messages" or "/v1/chat/completions"))
            {
                continue;
            }

            WireDialect dialect = url == "/v1/chat/completions" ? WireDialect.OpenAi : WireDialect.Anthropic;
            JsonNode node = exchange["body"]!;
            byte[] body = Encoding.UTF8.GetBytes(node.ToJsonString());
            bool good = RequestReader.TryRead(dialect, body, count, out RequestFacts facts, out RequestProblem problem);
            bool complete = node["messages"] is JsonArray { Count: > 0 }
                && (dialect == WireDialect.OpenAi || count || node["max_tokens"] is not null);

            Assert.True(good == complete, problem.Message);
            if (good)
            {
                Assert.Equal(node["model"]!.GetValue<string>(), facts.Model);
                Assert.Equal(node["stream"]?.GetValue<bool>() ?? false, facts.Stream);
                Assert.Equal(node["messages"]!.AsArray().Count, facts.MessageCount);
                Assert.Equal(node["tools"] is JsonArray { Count: > 0 }, facts.Features.HasFlag(RequestFeatures.Tools));
                Splice(dialect, facts, body);
                read++;
            }
        }

        Assert.True(read >= 4);
    }

    /// <summary>After splicing, the body differs in the model and in include_usage, and nowhere else.</summary>
    private static void Splice(WireDialect dialect, in RequestFacts facts, byte[] body)
    {
        const string model = "up/stream";
        bool ask = dialect == WireDialect.OpenAi;
        SpliceList splices = RequestSplicer.For(
            facts, body, new BodyChanges { ModelJson = Encoding.UTF8.GetBytes($"\"{model}\""), AddUsage = ask });
        var output = new ArrayBufferWriter<byte>();
        splices.WriteTo(body, output);

        Assert.Equal(output.WrittenCount, splices.ResultLength(body.Length));
        var pieces = new List<byte>();
        foreach (ReadOnlyMemory<byte> segment in splices.Segments(body))
        {
            pieces.AddRange(segment.Span);
        }

        Assert.True(output.WrittenSpan.SequenceEqual(pieces.ToArray()));
        using JsonDocument before = JsonDocument.Parse(WithoutMark(body));
        using JsonDocument after = JsonDocument.Parse(output.WrittenMemory);
        Assert.Equal(model, Member(after.RootElement, "model").GetString());
        bool asked = ask && facts.Stream;
        if (asked)
        {
            Assert.True(Member(Member(after.RootElement, "stream_options"), "include_usage").GetBoolean());
        }

        Assert.Equal(Others(before.RootElement, asked), Others(after.RootElement, asked));
    }

    /// <summary>By a member's text rather than its name, here and below: a name with half a surrogate pair cannot be
    /// had as a string.</summary>
    private static JsonElement Member(JsonElement element, string name) => element.EnumerateObject()
        .Last(member => member.ToString().StartsWith($"\"{name}\"", StringComparison.Ordinal)).Value;

    private static List<string> Others(JsonElement body, bool exceptUsage)
    {
        var others = new List<string>();
        foreach (JsonProperty member in body.EnumerateObject())
        {
            string text = member.ToString();
            if (exceptUsage && text.StartsWith("\"stream_options\"", StringComparison.Ordinal))
            {
                IEnumerable<JsonProperty> options =
                    member.Value.ValueKind == JsonValueKind.Object ? member.Value.EnumerateObject() : [];
                others.AddRange(options.Select(option => option.ToString())
                    .Where(option => !option.StartsWith("\"include_usage\"", StringComparison.Ordinal)));
            }
            else if (!text.StartsWith("\"model\"", StringComparison.Ordinal))
            {
                others.Add(text);
            }
        }

        return others;
    }

    private static bool IsJson(byte[] body)
    {
        try
        {
            ReadOnlyMemory<byte> json = WithoutMark(body);
            if (!System.Text.Unicode.Utf8.IsValid(json.Span))
            {
                return false;
            }

            using JsonDocument document = JsonDocument.Parse(json);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static ReadOnlyMemory<byte> WithoutMark(byte[] body) =>
        body.AsSpan().StartsWith("\uFEFF"u8) ? body.AsMemory(3) : body;
}
