using System.Text;
using System.Text.Json;
using Forebay.Protocols;
using Forebay.Protocols.Batches;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Protocols.Batches;

public sealed class MessageBatchReaderTests
{
    [Fact]
    public void Requests_come_out_the_same_however_the_bytes_come_in() => Prop.ForAll<string[], int>((texts, seed) =>
    {
        var random = new Random(seed);
        string[] requests = [.. texts.Select((t, i) => JsonSerializer.Serialize(new
        {
            custom_id = $"r{i}",
            @params = new { text = t ?? "", list = new[] { 1, 2 }, deep = new { a = "]}" } },
        }))];
        byte[] body = Encoding.UTF8.GetBytes($" {{ \"requests\" : [ {string.Join(" ,\n", requests)} ] }} ");
        Assert.Equal(requests, ReadAll(body, () => random.Next(1, 40)));
        Assert.Equal(requests, ReadAll(body, () => body.Length));
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("""{"requests":""")]
    [InlineData("""{"requests":[}""")]
    [InlineData("""{"requests":[{"a":1},]}""")]
    [InlineData("""{"requests":[{"a":1}]""")]
    [InlineData("""{"requests":[{"a":1}]}x""")]
    [InlineData("""{"requests":[],"requests":[]}""")]
    [InlineData("""{"requests":"x"}""")]
    [InlineData("""{"other":[{"a":1}]}""")]
    public void What_is_no_batch_is_refused_however_it_comes(string text)
    {
        byte[] body = Encoding.UTF8.GetBytes(text);
        Assert.ThrowsAny<JsonException>(() => ReadAll(body, () => 1));
        Assert.ThrowsAny<JsonException>(() => ReadAll(body, () => 1000));
    }

    [Fact]
    public void Every_field_of_a_request_is_checked()
    {
        Assert.True(Read("""{"params":{"a":[{}]},"custom_id":"a_B-9"}""", out MessageBatchRequest good, out _));
        Assert.Equal(("a_B-9", 10, 10), (good.CustomId, good.Params.Start, good.Params.Length));
        foreach ((string request, string told) in new[]
        {
            ("[]", ": Input should be an object"),
            ("""{"params":{}}""", ".custom_id: Field required"),
            ("""{"custom_id":"a"}""", ".params: Field required"),
            ("""{"custom_id":"","params":{}}""", ".custom_id: String should match"),
            ("""{"custom_id":"ä","params":{}}""", ".custom_id: String should match"),
            ("""{"custom_id":7,"params":{}}""", ".custom_id: Input should be a valid string"),
            ("""{"custom_id":"a","params":[]}""", ".params: Input should be an object"),
            ("""{"custom_id":"a","params":{},"x":1}""", ".x: Extra inputs"),
            ("""{"custom_id":"a","custom_id":"b","params":{}}""", ".custom_id: stands there twice"),
            ("""{"custom_id":"AA","params":{}}""".Replace("AA", new string('a', 65), StringComparison.Ordinal),
                ".custom_id: String should match"),
        })
        {
            Assert.False(Read(request, out _, out string? problem));
            Assert.StartsWith(told, problem, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("""{"usage":{"input_tokens":1}}""", """{"usage":{"service_tier":"batch","input_tokens":1}}""")]
    [InlineData("""{"usage":{}}""", """{"usage":{"service_tier":"batch"}}""")]
    [InlineData(
        """{"a":{"usage":{}},"usage":{"service_tier":null,"b":2}}""",
        """{"a":{"usage":{}},"usage":{"service_tier":"batch","b":2}}""")]
    [InlineData("""{"usage":{"service_tier":"priority"}}""", """{"usage":{"service_tier":"priority"}}""")]
    [InlineData("""{"content":[]}""", """{"content":[]}""")]
    [InlineData("{\n\"usage\":null\r\n}", "{ \"usage\":null  }")]
    public void A_message_that_names_no_tier_is_told_to_be_a_batchs(string message, string expected)
    {
        string line = Encoding.UTF8.GetString(BatchLines.Succeeded("id", Encoding.UTF8.GetBytes(message)));

        Assert.Equal($$$"""{"custom_id":"id","result":{"type":"succeeded","message":{{{expected}}}}}""", line);
    }

    [Theory]
    [InlineData("{", "invalid_json_line")]
    [InlineData("[]", "invalid_json_line")]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/x","body":{}} x""", "invalid_json_line")]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/x","body":{},"y":1}""", "invalid_request_line")]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/x","body":[]}""", "invalid_request_line")]
    [InlineData("""{"custom_id":"a","method":"POST","body":{}}""", "missing_required_parameter")]
    [InlineData("""{"custom_id":"","method":"POST","url":"/x","body":{}}""", "invalid_custom_id")]
    [InlineData("""{"custom_id":"a","method":"PUT","url":"/x","body":{}}""", "invalid_method")]
    [InlineData("""{"custom_id":"\ud800","method":"POST","url":"/x","body":{}}""", "invalid_json_line")]
    public void A_bad_line_has_its_code(string line, string code)
    {
        Assert.False(BatchInputLine.TryRead(Encoding.UTF8.GetBytes(line), out _, out var problem));
        Assert.Equal(code, problem.Code);
    }

    [Fact]
    public void A_good_line_is_read()
    {
        byte[] line = Encoding.UTF8.GetBytes("""{"custom_id":"a","method":"POST","url":"/x","body":{"b":1}} """ + "\r");
        Assert.True(BatchInputLine.TryRead(line, out BatchInputLine read, out _));
        Assert.Equal(("a", "/x", """{"b":1}"""),
            (read.CustomId, read.Url, Encoding.UTF8.GetString(line, read.Body.Start, read.Body.Length)));
    }

    private static bool Read(string request, out MessageBatchRequest read, out string? problem) =>
        MessageBatchRequest.TryRead(Encoding.UTF8.GetBytes(request), out read, out problem);

    private static List<string> ReadAll(byte[] body, Func<int> next)
    {
        var reader = new MessageBatchReader();
        var found = new List<string>();
        int from = 0;
        int to = 0;
        while (true)
        {
            to = Math.Min(body.Length, to + next());
            ReadOnlySpan<byte> bytes = body.AsSpan(from, to - from);
            MessageBatchStep step = reader.Read(bytes, to == body.Length, out int consumed, out ByteRange request);
            from += consumed;
            switch (step)
            {
                case MessageBatchStep.Request:
                    found.Add(Encoding.UTF8.GetString(bytes.Slice(request.Start, request.Length)));
                    break;
                case MessageBatchStep.End:
                    return found;
                default:
                    Assert.True(to < body.Length || from < to, "It asks for more where there is no more.");
                    break;
            }
        }
    }
}
