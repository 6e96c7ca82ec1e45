using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Forebay.Protocols;
using Forebay.Protocols.Bedrock;
using Xunit;

namespace Forebay.UnitTests.Protocols.Bedrock.Invoke;

public sealed class InvokeRequestTests
{
    private const string Version = "\"anthropic_version\":\"bedrock-2023-05-31\"";
    private const string Rest = "\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":\"é \\u0041\"}]";

    /// <summary>Whatever stands where, the client's other bytes stay as they are.</summary>
    [Theory]
    [InlineData("{\"model\":\"a\",REST}", "{VERSION,REST}")]
    [InlineData("{\"model\":\"a\",\"stream\":true,REST}", "{VERSION,REST}")]
    [InlineData("{REST,\"model\":\"a\"}", "{VERSION,REST}")]
    [InlineData("{REST,\"model\":\"a\",\"stream\":false}", "{VERSION,REST}")]
    [InlineData("{\"stream\" : true , REST,\"model\":\"a\" }", "{VERSION , REST }")]
    [InlineData(" { \"x\" : 1 , \"model\" : \"a\" , REST , \"stream\" : true , \"y\" : 2 }",
        "{VERSION, \"x\" : 1 , REST , \"y\" : 2 }")]
    [InlineData("{\"x\":1,\"model\":\"a\",\"stream\":null,REST,\"inference_geo\":\"us\"}", "{VERSION,\"x\":1,REST}")]
    [InlineData("{\"mod\\u0065l\":\"a\",REST}", "{VERSION,REST}")]
    [InlineData("{\"model\":\"a\",REST,\"service_tier\":\"auto\",\"speed\":\"standard\",\"z\":[]}", "{VERSION,REST,\"z\":[]}")]
    [InlineData("{\"model\":\"a\",REST,\"container\":null,\"mcp_servers\":[]}", "{VERSION,REST}")]
    public void What_belongs_elsewhere_is_taken_out_and_the_version_put_in(string body, string expected) =>
        Assert.Equal(Full(expected), Edited(Full(body)));

    [Fact]
    public void A_byte_order_mark_stays_behind() =>
        Assert.Equal(Full("{VERSION,REST}"), Edited(Full("\uFEFF{\"model\":\"a\",REST}")));

    [Fact]
    public void Betas_and_a_newer_version_stand_in_the_body() => Assert.Equal(
        Full("{\"anthropic_version\":\"2026-10-21\",\"anthropic_beta\":[\"one\",\"two\"],\"k\":1,REST}"),
        Edited(Full("{\"k\":1,\"model\":\"a\",REST}"), "2026-10-21", ["one", "two"]));

    [Theory]
    [InlineData("\"container\":{\"id\":\"c\"}", "container: ")]
    [InlineData("\"mcp_servers\":[{}]", "mcp_servers: ")]
    [InlineData("\"speed\":\"fast\"", "speed: ")]
    [InlineData("\"fallbacks\":[{\"model\":\"x\"}]", "fallbacks: ")]
    [InlineData("\"anthropic_version\":\"x\"", "anthropic_version: ")]
    [InlineData("\"anthropic_beta\":[\"x\"]", "anthropic_beta: ")]
    [InlineData("\"speed\":\"standard\",\"speed\":\"standard\"", "speed: stands more than once")]
    public void What_Bedrock_cannot_do_is_refused_by_name(string field, string problem)
    {
        InvokeEdits edits = Edits(Full($"{{\"model\":\"a\",{field},REST}}"), InvokeRequest.BaseVersion, []);

        Assert.StartsWith(problem, Assert.Single(edits.Problems!));
    }

    [Fact]
    public void All_that_is_refused_is_told_at_once()
    {
        InvokeEdits edits = Edits(
            Full("{\"model\":\"a\",\"container\":\"c\",\"speed\":\"fast\",REST,\"mcp_servers\":[1]}"), "v", []);

        Assert.Equal(["container", "speed", "mcp_servers"], edits.Problems!.Select(p => p.Split(':')[0]));
    }

    [Fact]
    public void What_only_advises_is_dropped_and_named()
    {
        string body = Full("{\"model\":\"a\",REST,\"diagnostics\":{\"previous_message_id\":\"m\"},\"service_tier\":\"x\"}");

        Assert.Equal(Full("{VERSION,REST}"), Edited(body));
        Assert.Equal(["diagnostics", "service_tier"], Edits(body, InvokeRequest.BaseVersion, []).Dropped!);
    }

    /// <summary>More to take out than there is room for is told, not thrown.</summary>
    [Fact]
    public void Every_field_at_once_is_refused_rather_than_failed()
    {
        string scattered = string.Join(",", InvokeFields.All
            .Where(f => f.Name is not ("model" or "stream" or "inference_geo"))
            .Select((f, i) => $"\"k{i}\":1,\"{f.Name}\":null"));
        string body = $"{{\"k\":0,\"model\":\"a\",\"l\":0,\"stream\":true,\"m\":0,\"inference_geo\":\"us\",{scattered},REST}}";
        InvokeEdits edits = Edits(Full(body), "v", []);

        Assert.All(edits.Problems!, p => Assert.Contains("one field too many", p, StringComparison.Ordinal));
    }

    [Fact]
    public void A_count_wraps_the_same_body_and_gives_it_what_it_must_have()
    {
        byte[] body = Encoding.UTF8.GetBytes("{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
        Assert.True(RequestReader.TryRead(WireDialect.Anthropic, body, true, out RequestFacts facts, out _));
        InvokeEdits edits = InvokeRequest.For(facts, body, InvokeRequest.BaseVersion, [], counts: true);
        var output = new ArrayBufferWriter<byte>();
        InvokeRequest.WriteCount(edits.Splices, body, output);

        string wrapped = (string)JsonNode.Parse(output.WrittenSpan)!["input"]!["invokeModel"]!["body"]!;
        Assert.Equal(
            $"{{{Version},\"max_tokens\":1,\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}]}}",
            Encoding.UTF8.GetString(Convert.FromBase64String(wrapped)));
    }

    /// <summary>Random bodies: what comes out is JSON, and differs from what went in by exactly what it must.</summary>
    [Fact]
    public void Random_bodies_lose_and_gain_exactly_what_they_must()
    {
        var random = new Random(20261122);
        for (int run = 0; run < 2000; run++)
        {
            List<KeyValuePair<string, string>> members =
            [
                new("model", "\"a\""), new("max_tokens", "9"), new("messages", "[{\"role\":\"user\",\"content\":\"x\"}]"),
            ];
            AddSome(random, members, ("stream", "true"), ("system", "\"s\""), ("tools", "[]"), ("inference_geo", "\"eu\""),
                ("metadata", "{\"user_id\":\"u\"}"), ("service_tier", "\"auto\""), ("temperature", "1"), ("x", "{\"model\":1}"));
            KeyValuePair<string, string>[] order = [.. members];
            random.Shuffle(order);
            string[] spaces = ["", " ", "\n", "\t "];
            string Space() => spaces[random.Next(spaces.Length)];
            string body = "{" + string.Join(
                ",", order.Select(m => $"{Space()}\"{m.Key}\"{Space()}:{Space()}{m.Value}{Space()}")) + "}";
            var expected = new JsonObject { ["anthropic_version"] = "bedrock-2023-05-31" };
            foreach ((string name, string value) in order)
            {
                if (name is not ("model" or "stream" or "inference_geo" or "service_tier"))
                {
                    expected[name] = JsonNode.Parse(value);
                }
            }

            Assert.Equal(expected.ToJsonString(), JsonNode.Parse(Edited(body))!.ToJsonString());
        }
    }

    private static void AddSome(
        Random random, List<KeyValuePair<string, string>> members, params (string Name, string Value)[] some) =>
        members.AddRange(some.Where(_ => random.Next(2) == 0).Select(m => KeyValuePair.Create(m.Name, m.Value)));

    private static string Full(string text) => text
        .Replace("REST", Rest, StringComparison.Ordinal).Replace("VERSION", Version, StringComparison.Ordinal);

    private static InvokeEdits Edits(string body, string version, string[] betas)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(body);
        Assert.True(
            RequestReader.TryRead(WireDialect.Anthropic, bytes, false, out RequestFacts facts, out RequestProblem problem),
            problem.Message);
        return InvokeRequest.For(facts, bytes, version, betas);
    }

    private static string Edited(string body, string version = InvokeRequest.BaseVersion, params string[] betas)
    {
        InvokeEdits edits = Edits(body, version, betas);
        Assert.Null(edits.Problems);
        var output = new ArrayBufferWriter<byte>();
        edits.Splices.WriteTo(Encoding.UTF8.GetBytes(body), output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
