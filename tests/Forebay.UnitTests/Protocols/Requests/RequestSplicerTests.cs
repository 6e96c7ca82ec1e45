using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Forebay.Protocols;
using Xunit;

namespace Forebay.UnitTests.Protocols.Requests;

public sealed class RequestSplicerTests
{
    private const string Rest = "\"model\":\"a\",\"messages\":[{}]";

    [Theory]
    [InlineData("""{REST,"stream":true}""", """{"stream_options":{"include_usage":true},REST,"stream":true}""")]
    [InlineData("""{"stream":true,"stream_options":null,REST}""",
        """{"stream":true,"stream_options":{"include_usage":true},REST}""")]
    [InlineData("""{"stream":true,"stream_options":{ },REST}""",
        """{"stream":true,"stream_options":{"include_usage":true },REST}""")]
    [InlineData("""{"stream":true,"stream_options":{"a":1},REST}""",
        """{"stream":true,"stream_options":{"include_usage":true,"a":1},REST}""")]
    [InlineData("""{"stream":true,"stream_options":{"include_usage": false},REST}""",
        """{"stream":true,"stream_options":{"include_usage": true},REST}""")]
    [InlineData("""{"stream":true,"stream_options":{"include_usage":null},REST}""",
        """{"stream":true,"stream_options":{"include_usage":true},REST}""")]
    [InlineData("""{"stream":true,"stream_options":{"include_usage":true},REST}""",
        """{"stream":true,"stream_options":{"include_usage":true},REST}""")]
    [InlineData("""{"stream":false,REST}""", """{"stream":false,REST}""")]
    public void Usage_is_asked_for_once_and_only_in_streams(string body, string expected)
    {
        Assert.Equal(Full(expected), Spliced(Full(body), "", addIncludeUsage: true));
    }

    [Fact]
    public void The_model_is_replaced_where_it_stands()
    {
        Assert.Equal("""{"x":1,"model":"é/b" ,"messages":[{}]}""",
            Spliced("""{"x":1,"model":"a" ,"messages":[{}]}""", "\"é/b\"", addIncludeUsage: false));
    }

    [Fact]
    public void A_byte_order_mark_stays_behind()
    {
        Assert.Equal($$"""{{{Rest}}}""", Spliced($$"""{{"\uFEFF"}}{{{Rest}}}""", "", addIncludeUsage: false));
    }

    [Fact]
    public void A_body_that_needs_no_change_gets_none()
    {
        byte[] body = Encoding.UTF8.GetBytes(Full("{REST}"));
        Assert.True(RequestReader.TryRead(WireDialect.OpenAi, body, false, out RequestFacts facts, out _));

        Assert.True(RequestSplicer.For(
            facts, body, new BodyChanges { ModelJson = "\"a\""u8.ToArray(), AddUsage = true }).IsEmpty);
    }

    [Theory]
    [InlineData("""{"model":"a","stream":true,"max_tokens":1,"messages":[{"role":"user","content":"b"}]}""")]
    [InlineData("""{ "stream" : true , "model":"a","max_tokens":1,"messages":[{"role":"user","content":"b"}]}""")]
    [InlineData("""{"stream":true, "inference_geo":"us","model":"a","max_tokens":1,"messages":[{"role":"user","content":"b"}]}""")]
    [InlineData("""{"inference_geo":"us","stream":true,"model":"a","max_tokens":1,"messages":[{"role":"user","content":"b"}]}""")]
    [InlineData("""{"inference_geo":"us","model":"a","stream":true,"max_tokens":1,"messages":[{"role":"user","content":"b"}]}""")]
    [InlineData("""{"max_tokens":1,"messages":[{"role":"user","content":"b"}],"model":"a","inference_geo":"us" , "stream":true }""")]
    [InlineData("""{"max_tokens":1,"messages":[{"role":"user","content":"b"}],"model":"a","stream":true,"inference_geo":"us"}""")]
    [InlineData("""{"max_tokens":1,"stream":true,"messages":[{"role":"user","content":"b"}],"inference_geo":null,"model":"a"}""")]
    [InlineData("""{"max_tokens":1,"messages":[{"role":"user","content":"b"}],"stream":false,"model":"a"}""")]
    public void A_provider_that_names_model_and_stream_elsewhere_gets_a_body_without_them(string json)
    {
        byte[] body = Encoding.UTF8.GetBytes(json);
        Assert.True(RequestReader.TryRead(WireDialect.Anthropic, body, false, out RequestFacts facts, out _));
        var changes = new BodyChanges { ModelMember = "\"version\":\"v\""u8.ToArray(), DropStream = true };
        var output = new ArrayBufferWriter<byte>();
        RequestSplicer.For(facts, body, changes).WriteTo(body, output);

        var sent = (JsonObject)JsonNode.Parse(output.WrittenSpan)!;
        Assert.Equal(["max_tokens", "messages", "version"], sent.Select(m => m.Key).Order());
    }

    [Fact]
    public void Splices_keep_their_order_and_may_not_overlap()
    {
        var list = default(SpliceList);
        list.Add(new Splice(5, 1, "five"u8.ToArray()));
        list.Add(new Splice(0, 2, "zero"u8.ToArray()));
        list.Add(new Splice(2, 0, "two"u8.ToArray()));
        var output = new ArrayBufferWriter<byte>();
        list.WriteTo("0123456789"u8, output);

        Assert.Equal("zerotwo234five6789", Encoding.UTF8.GetString(output.WrittenSpan));
        Assert.Equal(output.WrittenCount, list.ResultLength(10));
        Assert.Throws<InvalidOperationException>(() => list.Add(new Splice(4, 2, default)));
        for (int i = 3; i < SpliceList.Capacity; i++)
        {
            list.Add(new Splice(10, 0, default));
        }

        Assert.Throws<InvalidOperationException>(() => list.Add(new Splice(10, 0, default)));
    }

    private static string Full(string body) => body.Replace("REST", Rest, StringComparison.Ordinal);

    private static string Spliced(string json, string model, bool addIncludeUsage)
    {
        byte[] body = Encoding.UTF8.GetBytes(json);
        Assert.True(RequestReader.TryRead(WireDialect.OpenAi, body, false, out RequestFacts facts, out _));
        SpliceList splices = RequestSplicer.For(
            facts, body, new BodyChanges { ModelJson = Encoding.UTF8.GetBytes(model), AddUsage = addIncludeUsage });
        var output = new ArrayBufferWriter<byte>();
        splices.WriteTo(body, output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
