using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Forebay.Core.Errors;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Hostile;

/// <summary>Answers that no upstream should give: the client gets an error in our words, none of theirs, and every
/// request is settled once.</summary>
public sealed class HostileUpstreamTests
{
    private const string Mark = "upstream-bytes-not-for-clients";

    /// <summary>Whole answers say that the connection closes: a caller may else send its next request into it.</summary>
    private const string Last = "Connection: close\r\n";
    private const string Json = "Content-Type: application/json\r\n";

    private static readonly byte[] Fine = RawUpstream.Http(
        "200 OK\r\nContent-Type: application/json", Answers.AnthropicMessage);

    public static TheoryData<string, string> Garbage => new()
    {
        { "nothing", "" },
        { "no HTTP", $"{Mark}\r\n\r\n" },
        { "bad status", $"HTTP/1.1 {Mark} OK\r\n\r\n" },
        { "status out of range", "HTTP/1.1 99999 OK\r\n\r\n" },
        { "status 999", $"HTTP/1.1 999 Odd\r\n{Last}Content-Length: 0\r\n\r\n{Mark}" },
        { "half a head", $"HTTP/1.1 200 OK\r\n{Json}x-a: {Mark}" },
        { "header without a colon", $"HTTP/1.1 200 OK\r\n{Mark}\r\n\r\n" },
        { "header with a bad name", $"HTTP/1.1 200 OK\r\n{Mark} (x): y\r\n\r\n" },
        { "two lengths", $"HTTP/1.1 200 OK\r\n{Json}Content-Length: 5\r\nContent-Length: 7\r\n\r\n{Mark}" },
        { "negative length", $"HTTP/1.1 200 OK\r\n{Json}Content-Length: -1\r\n\r\n{Mark}" },
        { "length too long", $"HTTP/1.1 200 OK\r\n{Json}Content-Length: 5000\r\n\r\n{{\"id\":\"{Mark}\"" },
        { "bad chunk", $"HTTP/1.1 200 OK\r\n{Json}Transfer-Encoding: chunked\r\n\r\n{Mark}\r\n" },
        { "chunk cut", $"HTTP/1.1 200 OK\r\n{Json}Transfer-Encoding: chunked\r\n\r\nff\r\n{Mark}" },
        { "no last chunk", $"HTTP/1.1 200 OK\r\n{Json}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n" },
        { "switching", $"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n{Mark}" },
        { "no content", $"HTTP/1.1 204 No Content\r\n{Last}\r\n" },
        { "not modified", $"HTTP/1.1 304 Not Modified\r\n{Last}\r\n" },
        { "redirect", $"HTTP/1.1 307 Over there\r\n{Last}Location: http://127.0.0.1:1/{Mark}\r\nContent-Length: 0\r\n\r\n" },
        { "page", Body("text/html", $"<html>{Mark}</html>") },
        { "empty", Body("application/json", "") },
        { "array", Body("application/json", $"[\"{Mark}\"]") },
        { "null", Body("application/json", "null") },
        { "half a message", Body("application/json", Answers.AnthropicMessage[..100]) },
        { "message and more", Body("application/json", Answers.AnthropicMessage + Mark) },
        { "error in a 200", Body("application/json", $"{{\"error\":{{\"message\":\"{Mark}\"}}}}") },
        { "deep", Body("application/json", "{\"content\":" + new string('[', 50_000)) },
        { "500", $"HTTP/1.1 500 {Mark}\r\n{Last}Content-Length: 4\r\n\r\noops" },
    };

    private static string Body(string type, string body) =>
        Encoding.UTF8.GetString(RawUpstream.Http($"200 OK\r\nContent-Type: {type}", body));

    [Theory]
    [MemberData(nameof(Garbage))]
    public async Task A_garbled_answer_becomes_our_error(string name, string bytes)
    {
        foreach (bool stream in (bool[])[false, true])
        {
            await using RawUpstream upstream = RawUpstream.Start(Encoding.UTF8.GetBytes(bytes));
            await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);

            using HttpResponseMessage response = await gateway.Client.SendAsync(
                GatewayHarness.Messages(GatewayHarness.MessagesBody(stream)));
            string body = await response.Content.ReadAsStringAsync();

            Assert.True((int)response.StatusCode is 502 or 504 or 529, $"{name}: {response.StatusCode} {body}");
            Assert.StartsWith("upstream_", response.Headers.GetValues("x-forebay-reason").Single());
            using var envelope = JsonDocument.Parse(body);
            Assert.Equal("error", envelope.RootElement.GetProperty("type").GetString());
            Assert.DoesNotContain(Mark, body + response.Headers);
            Assert.Equal(UsageOutcome.Failed, Assert.Single(gateway.Journal.Settled).Outcome);
            upstream.Answer = (wire, cancel) => wire.WriteAsync(Fine, cancel).AsTask();
            await GatewayHealth.ServesAsync(gateway);
        }
    }

    [Fact]
    public async Task Endless_headers_are_given_up()
    {
        await using RawUpstream upstream = RawUpstream.Start(async (wire, cancel) =>
        {
            await wire.WriteAsync("HTTP/1.1 200 OK\r\n"u8.ToArray(), cancel);
            while (true)
            {
                await wire.WriteAsync("x-more: and more and more and more\r\n"u8.ToArray(), cancel);
            }
        });
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false)));

        Assert.Equal(502, (int)response.StatusCode);
        Assert.Equal("upstream_protocol", response.Headers.GetValues("x-forebay-reason").Single());
        upstream.Answer = (wire, cancel) => wire.WriteAsync(Fine, cancel).AsTask();
        await GatewayHealth.ServesAsync(gateway);
    }

    [Fact]
    public async Task Endless_interim_answers_are_given_up()
    {
        await using RawUpstream upstream = RawUpstream.Start(async (wire, cancel) =>
        {
            while (true)
            {
                await wire.WriteAsync("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"u8.ToArray(), cancel);
            }
        });
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: true)));

        Assert.Equal("upstream_protocol", response.Headers.GetValues("x-forebay-reason").Single());
        upstream.Answer = (wire, cancel) => wire.WriteAsync(Fine, cancel).AsTask();
        await GatewayHealth.ServesAsync(gateway);
    }

    /// <summary>An upstream's headers are its own to choose; a served answer must survive them.</summary>
    [Theory]
    [InlineData("x-note: caf\u00e9", null)]
    [InlineData("x-note: a\tb", "a\tb")]
    [InlineData("x-note: ", "")]
    [InlineData("x-note: a\u0001b\u007f", null)]
    [InlineData("x-note: one\r\nx-note: two", "one, two")]
    public async Task Odd_headers_of_an_answer_do_not_lose_it(string header, string? expected)
    {
        byte[] answer =
        [
            .. Encoding.Latin1.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{header}\r\n"),
            .. Encoding.UTF8.GetBytes($"Connection: close\r\n\r\n{Answers.AnthropicMessage}"),
        ];
        await using RawUpstream upstream = RawUpstream.Start(answer);
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false)));

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Contains("Hello there", await response.Content.ReadAsStringAsync());
        if (expected is not null)
        {
            Assert.Equal(expected, string.Join(", ", response.Headers.GetValues("x-note")));
        }

        Assert.Equal(UsageOutcome.Completed, Assert.Single(gateway.Journal.Settled).Outcome);
        await GatewayHealth.ServesAsync(gateway);
    }

    [Fact]
    public async Task An_upstream_cannot_speak_for_us_or_past_its_hop()
    {
        byte[] answer = RawUpstream.Http(
            "403 Forbidden\r\nContent-Type: application/json\r\nx-forebay-provider: forged\r\nrequest-id: forged\r\n" +
            "set-cookie: a=forged\r\nx-hop: forged\r\nconnection: x-hop\r\nanthropic-ratelimit-requests-limit: forged\r\n" +
            "x-kept: yes",
            """{"type":"error","error":{"type":"permission_error","message":"no"}}""");
        await using RawUpstream upstream = RawUpstream.Start(answer);
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false)));

        Assert.Equal(403, (int)response.StatusCode);
        Assert.DoesNotContain("forged", response.Headers.ToString());
        Assert.Equal("p0", response.Headers.GetValues("x-forebay-provider").Single());
        Assert.Equal("yes", response.Headers.GetValues("x-kept").Single());
    }

    /// <summary>We ask for no encoding; some upstreams compress all the same, errors most of all.</summary>
    [Theory]
    [InlineData(200)]
    [InlineData(400)]
    public async Task An_answer_compressed_without_being_asked_reaches_the_client_readable(int status)
    {
        const string refusal = """{"type":"error","error":{"type":"invalid_request_error","message":"too odd"}}""";
        byte[] packed = Gzip(status == 200 ? Answers.AnthropicMessage : refusal);
        byte[] answer =
        [
            .. Encoding.ASCII.GetBytes(
                $"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n" +
                $"Content-Length: {packed.Length}\r\nConnection: close\r\n\r\n"),
            .. packed,
        ];
        await using RawUpstream upstream = RawUpstream.Start(answer);
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false)));

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Empty(response.Content.Headers.ContentEncoding);
        Assert.Contains(status == 200 ? "Hello there" : "too odd", await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_answer_beyond_our_memory_is_our_overload_and_not_the_deployments_fault(bool stream)
    {
        string big = Answers.AnthropicMessage.Replace("Hello", new string('a', 400_000), StringComparison.Ordinal);
        string events = string.Concat(Answers.AnthropicStream).Replace(
            "\"Hello\"", $"\"{new string('a', 400_000)}\"", StringComparison.Ordinal);
        await using RawUpstream upstream = RawUpstream.Start(stream
            ? RawUpstream.Http("200 OK\r\nContent-Type: text/event-stream", events)
            : RawUpstream.Http("200 OK\r\nContent-Type: application/json", big));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], c => c with
        {
            Server = c.Server with { Gateway = c.Server.Gateway with { MemoryBudgetBytes = 128 * 1024 } },
        });

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream)));

        Assert.Contains("overloaded_error", await response.Content.ReadAsStringAsync());
        Assert.Equal(Reason.MemoryBudget, Assert.Single(gateway.Journal.Settled).Reason);
        Assert.Equal(0, gateway.State.Of(gateway.State.Model.Deployments[0]).Failed);
        upstream.Answer = (wire, cancel) => wire.WriteAsync(Fine, cancel).AsTask();
        await GatewayHealth.ServesAsync(gateway);
    }

    private static byte[] Gzip(string text)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }

        return packed.ToArray();
    }
}
