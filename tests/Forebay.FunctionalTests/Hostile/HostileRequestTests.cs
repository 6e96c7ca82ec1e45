using System.Text.Json;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Hostile;

/// <summary>Requests as no HTTP library would send them, over raw sockets.</summary>
public sealed class HostileRequestTests : IAsyncLifetime
{
    private const string Key = "x-api-key: " + GatewayHarness.Secret +
        "\r\nanthropic-version: 2023-06-01\r\nConnection: close\r\n";
    private const string Host = "Host: gateway\r\n";

    private static readonly string Good = GatewayHarness.MessagesBody(stream: false);

    private ScriptedUpstream _upstream = null!;
    private GatewayHarness _gateway = null!;

    /// <summary>What the server refuses before it is a request: the name of the case and the bytes.</summary>
    public static TheoryData<string, string> NoRequests => new()
    {
        { "no HTTP", "hello\r\n\r\n" },
        { "TLS on the plain port", "\u0016\u0003\u0001\u0000\u00a5\u0001\u0000\u0000\u00a1\u0003\u0003\r\n\r\n" },
        { "HTTP/0.9", "GET /\r\n\r\n" },
        { "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
        { "unknown version", $"GET / HTTP/3.7\r\n{Host}\r\n" },
        { "no host", "GET / HTTP/1.1\r\n\r\n" },
        { "two hosts", $"GET / HTTP/1.1\r\n{Host}{Host}\r\n" },
        { "space before the colon", $"GET / HTTP/1.1\r\n{Host}x-a : b\r\n\r\n" },
        { "folded header", $"GET / HTTP/1.1\r\n{Host}x-a: b\r\n c\r\n\r\n" },
        { "header without a colon", $"GET / HTTP/1.1\r\n{Host}nonsense\r\n\r\n" },
        { "NUL in a header", $"GET / HTTP/1.1\r\n{Host}x-a: b\0c\r\n\r\n" },
        { "NUL in the path", $"GET /v1%00/messages HTTP/1.1\r\n{Host}\r\n" },
        { "long request line", $"GET /{new string('a', 20_000)} HTTP/1.1\r\n{Host}\r\n" },
        { "header flood", $"GET / HTTP/1.1\r\n{Host}{string.Concat(Enumerable.Repeat("x-a: b\r\n", 500))}\r\n" },
        { "huge header", $"GET / HTTP/1.1\r\n{Host}x-a: {new string('a', 100_000)}\r\n\r\n" },
        { "two lengths", $"POST /v1/messages HTTP/1.1\r\n{Host}{Key}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" },
        { "signed length", $"POST /v1/messages HTTP/1.1\r\n{Host}{Key}Content-Length: +5\r\n\r\nhello" },
        { "negative length", $"POST /v1/messages HTTP/1.1\r\n{Host}{Key}Content-Length: -5\r\n\r\nhello" },
        { "listed length", $"POST /v1/messages HTTP/1.1\r\n{Host}{Key}Content-Length: 5, 5\r\n\r\nhello" },
        { "endless length", $"POST /v1/messages HTTP/1.1\r\n{Host}{Key}Content-Length: 99999999999999999999\r\n\r\nhello" },
        { "coding not chunked", $"POST /v1/messages HTTP/1.1\r\n{Host}{Key}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" },
        { "chunked not last", $"POST /v1/messages HTTP/1.1\r\n{Host}{Key}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n" },
        { "another host than the target's", $"GET http://elsewhere/ HTTP/1.1\r\n{Host}\r\n" },
    };

    public static TheoryData<string> BadChunks =>
    [
        "zz\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n", "5\r\nhelloXX0\r\n\r\n", "\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n",
    ];

    public async ValueTask InitializeAsync()
    {
        _upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));
        _gateway = await StartAsync(bodyTimeoutSeconds: 20);
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Theory]
    [MemberData(nameof(NoRequests))]
    public async Task What_is_no_request_is_refused_and_the_connection_ends(string name, string bytes)
    {
        using RawClient client = await RawClient.ConnectAsync(_gateway);

        await client.SendAsync(bytes);
        string answer = await client.ReadToEndAsync();

        Assert.True(
            answer.Length == 0
                || answer.StartsWith("HTTP/1.1 4", StringComparison.Ordinal)
                || answer.StartsWith("HTTP/1.1 505", StringComparison.Ordinal)
                || name == "HTTP/2 preface",
            $"{name}: {answer}");
        if (name is "header flood" or "huge header")
        {
            Assert.StartsWith("HTTP/1.1 431", answer);
        }

        Assert.DoesNotContain("HTTP/1.1 200", answer);
        Assert.DoesNotContain(GatewayHarness.Secret, answer);
        Assert.Empty(_upstream.Requests);
        await GatewayHealth.ServesAsync(_gateway);
    }

    [Theory]
    [MemberData(nameof(BadChunks))]
    public async Task Bad_chunks_are_a_bad_request_and_the_connection_ends(string chunks)
    {
        using RawClient client = await RawClient.ConnectAsync(_gateway);

        await client.SendAsync(RawClient.Request(
            "/v1/messages", "Transfer-Encoding: chunked\r\n", chunks, length: false));
        string answer = await client.ReadToEndAsync();

        Assert.StartsWith("HTTP/1.1 400", answer);
        Assert.Contains("\"type\":\"error\"", answer);
        Assert.DoesNotContain("HTTP/1.1 ", answer[1..]);
        Assert.Empty(_upstream.Requests);
        await GatewayHealth.ServesAsync(_gateway);
    }

    /// <summary>Two ways to tell the body's end, which two parsers in a row might read differently.</summary>
    [Fact]
    public async Task A_request_with_both_lengths_never_becomes_two()
    {
        using RawClient client = await RawClient.ConnectAsync(_gateway);
        string chunked = $"{Good.Length:x}\r\n{Good}\r\n0\r\n\r\n";

        await client.SendAsync(RawClient.Request(
            "/v1/messages", "Connection: close\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n", chunked,
            length: false));
        string answer = await client.ReadToEndAsync();

        Assert.DoesNotContain("HTTP/1.1 ", answer[1..]);
        foreach (ReceivedRequest sent in _upstream.Requests)
        {
            Assert.Equal(Good.Replace("atlas", "upstream-model", StringComparison.Ordinal), sent.Text);
            Assert.False(sent.Headers.ContainsKey("Transfer-Encoding"));
        }

        Assert.InRange(_upstream.Requests.Count, 0, 1);
        await GatewayHealth.ServesAsync(_gateway);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_body_that_dawdles_is_timed_out(bool chunked)
    {
        await using GatewayHarness hasty = await StartAsync(bodyTimeoutSeconds: 0.5);
        using RawClient client = await RawClient.ConnectAsync(hasty);
        await client.SendAsync(chunked
            ? RawClient.Request("/v1/messages", "Transfer-Encoding: chunked\r\n", "5\r\n{\"mod", length: false)
            : RawClient.Request("/v1/messages", "Content-Length: 500\r\n", "{\"model\":", length: false));

        (int status, _, string body) = await client.ReadAnswerAsync();

        Assert.Equal(408, status);
        Assert.Contains("0.5 s", body);
        await GatewayHealth.IsIdleAsync(hasty);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_client_that_leaves_in_the_middle_of_its_body_holds_nothing(bool reset)
    {
        using (RawClient client = await RawClient.ConnectAsync(_gateway))
        {
            await client.SendAsync(
                RawClient.Request("/v1/messages", "Content-Length: 500\r\n", "{\"model\":", length: false));
            if (!reset)
            {
                client.EndSending();
                _ = await client.ReadToEndAsync();
            }
        }

        Assert.Empty(_upstream.Requests);
        await GatewayHealth.ServesAsync(_gateway);
    }

    [Fact]
    public async Task A_client_that_closes_its_half_after_the_request_is_answered_or_accounted_for()
    {
        using RawClient client = await RawClient.ConnectAsync(_gateway);
        await client.SendAsync(RawClient.Request("/v1/messages"));
        client.EndSending();

        string answer = await client.ReadToEndAsync();

        Assert.True(answer.Length == 0 || answer.StartsWith("HTTP/1.1 200", StringComparison.Ordinal), answer);
        await GatewayHealth.ServesAsync(_gateway);
    }

    [Theory]
    [InlineData("wrong key", 401)]
    [InlineData("too large", 413)]
    [InlineData("unknown encoding", 415)]
    public async Task A_pipelined_request_after_an_early_refusal_is_answered_in_turn(string first, int status)
    {
        using RawClient client = await RawClient.ConnectAsync(_gateway);
        string refused = first switch
        {
            "wrong key" => RawClient.Request("/v1/messages").Replace(
                GatewayHarness.Secret, "fb-nobody", StringComparison.Ordinal),
            "too large" => RawClient.Request("/v1/messages", body: new string('x', 9000)),
            _ => RawClient.Request("/v1/messages", "Content-Encoding: lzma\r\n"),
        };

        await client.SendAsync(refused + RawClient.Request("/v1/messages"));

        Assert.Equal(status, (await client.ReadAnswerAsync()).Status);
        Assert.Equal(200, (await client.ReadAnswerAsync()).Status);
        Assert.Single(_upstream.Requests);
        await GatewayHealth.ServesAsync(_gateway);
    }

    [Fact]
    public async Task A_client_that_asks_first_is_told_to_go_on_only_when_its_body_is_wanted()
    {
        using RawClient client = await RawClient.ConnectAsync(_gateway);
        string[] parts = RawClient.Request("/v1/messages", "Expect: 100-continue\r\n").Split("\r\n\r\n");
        await client.SendAsync(parts[0] + "\r\n\r\n");
        Assert.Equal(100, (await client.ReadAnswerAsync()).Status);
        await client.SendAsync(parts[1]);
        Assert.Equal(200, (await client.ReadAnswerAsync()).Status);

        using RawClient stranger = await RawClient.ConnectAsync(_gateway);
        await stranger.SendAsync(
            parts[0].Replace(GatewayHarness.Secret, "fb-nobody", StringComparison.Ordinal) + "\r\n\r\n");
        Assert.Equal(401, (await stranger.ReadAnswerAsync()).Status);
        await GatewayHealth.ServesAsync(_gateway);
    }

    [Theory]
    [InlineData("OPTIONS", "/v1/messages", 405)]
    [InlineData("OPTIONS", "*", 404)]
    [InlineData("HEAD", "/v1/messages", 405)]
    [InlineData("HEAD", "/v1/models", 200)]
    [InlineData("TRACE", "/v1/messages", 405)]
    [InlineData("BREW", "/v1/messages", 405)]
    [InlineData("POST", "/v1//messages", 404)]
    [InlineData("POST", "/v1/messages/", 404)]
    [InlineData("POST", "//v1/messages", 404)]
    [InlineData("POST", "/V1/MESSAGES", 404)]
    [InlineData("POST", "/v1/messages%2f", 404)]
    [InlineData("POST", "/v1%2fmessages", 404)]
    [InlineData("POST", "/v1/messages;x=1", 404)]
    [InlineData("POST", "/v1/messages%20", 404)]
    [InlineData("POST", "/v1/%252e%252e/messages", 404)]
    [InlineData("POST", "/v1/messages?x=%00%ff&model=other", 200)]
    [InlineData("POST", "/v1/%6dessages", 200)]
    [InlineData("POST", "/v1/x/%2e%2e/messages", 200)]
    [InlineData("POST", "/../../v1/messages", 200)]
    [InlineData("POST", "http://gateway/v1/messages", 200)]
    [InlineData("GET", "/v1/models/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404)]
    [InlineData("GET", "/v1/models/", 404)]
    public async Task Odd_methods_and_paths_get_a_plain_answer(string method, string target, int status)
    {
        using RawClient client = await RawClient.ConnectAsync(_gateway);
        await client.SendAsync(method == "POST"
            ? RawClient.Request(target)
            : RawClient.Request(target, body: "", method: method, length: false));

        (int actual, string head, string body) = await client.ReadAnswerAsync(head: method == "HEAD");

        Assert.Equal(status, actual);
        Assert.Contains("request-id: req_", head);
        if (method != "HEAD")
        {
            JsonDocument.Parse(body).Dispose();
        }

        // Whatever was asked for, the upstream is only ever called at its own path.
        Assert.All(_upstream.Requests, r => Assert.Equal("/v1/messages", r.Path + r.Query));
        Assert.Equal(status == 200 && method == "POST" ? 1 : 0, _upstream.Requests.Count);
        await GatewayHealth.ServesAsync(_gateway);
    }

    /// <summary>Headers may hold any bytes but controls; what a client puts there must not be taken for the provider's
    /// failure.</summary>
    [Theory]
    [InlineData("x-note: caf\u00c3\u00a9\r\n", "x-note", "café")]
    [InlineData("x-note: \u00e2\u0098\u0095 tab\tinside\r\n", "x-note", "☕ tab\tinside")]
    [InlineData("x-note:\r\n", "x-note", "")]
    [InlineData("x-(odd): name\r\n", "x-ok", null)]
    public async Task Odd_headers_do_not_break_the_call_or_speak_against_the_deployment(
        string header, string name, string? expected)
    {
        using RawClient client = await RawClient.ConnectAsync(_gateway);
        await client.SendAsync(RawClient.Request("/v1/messages", header));

        (int status, _, string body) = await client.ReadAnswerAsync();

        Assert.True(status is 200 or 400, $"{status}: {body}");
        if (status == 200 && expected is not null)
        {
            Assert.Equal(expected, _upstream.Requests[0].Headers[name]);
        }

        Assert.Equal(0, _gateway.State.Of(_gateway.State.Model.Deployments[0]).Failed);
        await GatewayHealth.ServesAsync(_gateway);
    }

    [Fact]
    public async Task Header_bytes_that_are_no_text_are_refused_or_carried_and_never_the_providers_fault()
    {
        using RawClient client = await RawClient.ConnectAsync(_gateway);
        await client.SendAsync(RawClient.Request("/v1/messages", "x-note: \u00ff\u00fe\r\n"));

        (int status, _, string body) = await client.ReadAnswerAsync();

        Assert.True(status is 200 or 400, $"{status}: {body}");
        Assert.Equal(0, _gateway.State.Of(_gateway.State.Model.Deployments[0]).Failed);
        await GatewayHealth.ServesAsync(_gateway);
    }

    private Task<GatewayHarness> StartAsync(double bodyTimeoutSeconds) => GatewayHarness.StartAsync(
        [_upstream.Address],
        c => c with
        {
            Server = c.Server with
            {
                Gateway = c.Server.Gateway with { BodyTimeoutSeconds = bodyTimeoutSeconds, MaxBodyBytes = 8192 },
            },
        });
}
