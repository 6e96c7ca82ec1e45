using System.Buffers;
using System.Text;
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

        Assert.True(RequestSplicer.For(facts, body, "\"a\""u8.ToArray(), true).IsEmpty);
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
        list.Add(new Splice(9, 1, default));
        Assert.Throws<InvalidOperationException>(() => list.Add(new Splice(8, 0, default)));
    }

    private static string Full(string body) => body.Replace("REST", Rest, StringComparison.Ordinal);

    private static string Spliced(string json, string model, bool addIncludeUsage)
    {
        byte[] body = Encoding.UTF8.GetBytes(json);
        Assert.True(RequestReader.TryRead(WireDialect.OpenAi, body, false, out RequestFacts facts, out _));
        SpliceList splices = RequestSplicer.For(facts, body, Encoding.UTF8.GetBytes(model), addIncludeUsage);
        var output = new ArrayBufferWriter<byte>();
        splices.WriteTo(body, output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
