using System.Text;
using System.Text.Json;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Forebay.FunctionalTests.Hostile;

/// <summary>An upstream that says everything it heard, in every place it can: nothing of one tenant reaches another, and
/// nothing of either, no key and no secret reaches the log.</summary>
public sealed class TenantIsolationTests
{
    private const string UpstreamSecret = "secret-of-env:UPSTREAM_KEY";

    private static readonly string[] Ways =
        ["whole", "stream", "refused", "failed", "in-stream-error", "cut", "header", "count", "no-such-model"];

    [Fact]
    public async Task No_byte_of_one_tenant_reaches_another_or_the_log()
    {
        using var logs = new RecordingLogs();
        using ILoggerFactory loggers = logs.CreateFactory();
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(EchoAsync);
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], loggers, c => c with
        {
            Tenants = [.. c.Tenants.Select(t => t with { Tier = "scale", Residency = null })],
        });

        (string Tenant, string Way, int Status, string Text)[] answers = await Task.WhenAll(
            Enumerable.Range(0, 180).Select(i => AskAsync(gateway, i)));

        foreach ((string tenant, string way, int status, string text) in answers)
        {
            string other = tenant == "acme" ? "globex" : "acme";
            Assert.DoesNotContain($"prompt-of-{other}", text);
            Assert.DoesNotContain("secret-of-env", text);
            Assert.DoesNotContain(GatewayHarness.Secret, text);
            Assert.DoesNotContain(GatewayHarness.OtherSecret, text);
            bool echoed = way is "whole" or "stream" or "refused" or "header";
            Assert.True(
                echoed == text.Contains($"prompt-of-{tenant}", StringComparison.Ordinal), $"{way} {status}: {text}");
        }

        await GatewayHealth.IsIdleAsync(gateway);
        NothingToldIn(logs);
        Assert.Contains(logs.Lines, l => l.Contains("upstream_unavailable", StringComparison.Ordinal));
    }

    /// <summary>The HTTP client's own messages quote what it could not read.</summary>
    [Theory]
    [InlineData("HTTP/1.1 prompt-of-acme OK\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nprompt-of-acme\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nprompt-of-acme\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\nprompt-of-acme\r\n")]
    public async Task Broken_protocol_that_quotes_a_prompt_is_not_logged(string answer)
    {
        using var logs = new RecordingLogs();
        using ILoggerFactory loggers = logs.CreateFactory();
        await using RawUpstream upstream = RawUpstream.Start(Encoding.UTF8.GetBytes(answer));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], loggers);

        foreach (bool stream in (bool[])[false, true])
        {
            using HttpResponseMessage response = await gateway.Client.SendAsync(
                GatewayHarness.Messages(GatewayHarness.MessagesBody(stream)));
            Assert.DoesNotContain("prompt-of", await response.Content.ReadAsStringAsync());
        }

        await GatewayHealth.IsIdleAsync(gateway);
        NothingToldIn(logs);
        Assert.Contains(logs.Lines, l => l.Contains("deployment d0", StringComparison.Ordinal));
    }

    private static void NothingToldIn(RecordingLogs logs) => Assert.All(logs.Lines, line =>
    {
        Assert.DoesNotContain("prompt-of", line);
        Assert.DoesNotContain(UpstreamSecret, line);
        Assert.DoesNotContain(GatewayHarness.Secret, line);
        Assert.DoesNotContain(GatewayHarness.OtherSecret, line);
    });

    private static async Task<(string Tenant, string Way, int Status, string Text)> AskAsync(GatewayHarness gateway, int i)
    {
        string tenant = i % 2 == 0 ? "acme" : "globex";
        string way = Ways[i / 2 % Ways.Length];
        string model = way == "no-such-model" ? "nope" : GatewayHarness.Model;
        string stream = way is "stream" or "in-stream-error" or "cut" ? "true" : "false";
        HttpRequestMessage request = GatewayHarness.Messages(
            $$"""
            {"model":"{{model}}","max_tokens":9,"stream":{{stream}},
             "messages":[{"role":"user","content":"prompt-of-{{tenant}} {{i}}"}]}
            """,
            tenant == "acme" ? GatewayHarness.Secret : GatewayHarness.OtherSecret);
        request.Headers.Add("x-way", way);
        if (way == "count")
        {
            request.RequestUri = new Uri("/v1/messages/count_tokens", UriKind.Relative);
        }

        using HttpResponseMessage response = await gateway.Client.SendAsync(request);
        return (tenant, way, (int)response.StatusCode, response.Headers + await response.Content.ReadAsStringAsync());
    }

    private static async Task EchoAsync(HttpContext http, ReceivedRequest request)
    {
        using var body = JsonDocument.Parse(request.Body);
        string prompt = body.RootElement.GetProperty("messages")[0].GetProperty("content").GetString()!;
        string credential = request.Headers["x-api-key"];
        string error = $$$"""{"type":"error","error":{"type":"api_error","message":"{{{prompt}}} {{{credential}}}"}}""";
        switch (request.Headers["x-way"])
        {
            case "stream":
                await ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream.Select(
                    e => e.Replace("Hello", prompt, StringComparison.Ordinal)));
                break;
            case "refused":
                await ScriptedUpstream.JsonAsync(http, 400, error.Replace(credential, "", StringComparison.Ordinal));
                break;
            case "failed" or "count":
                await ScriptedUpstream.JsonAsync(http, 500, error);
                break;
            case "in-stream-error":
                await ScriptedUpstream.StreamAsync(
                    http, [.. Answers.AnthropicStream.Take(2), Answers.Named("error", error)]);
                break;
            case "cut":
                await ScriptedUpstream.StreamAsync(
                    http, [Answers.AnthropicStream[0], "event: content_block_delta\ndata: " + prompt]);
                break;
            case "header":
                http.Response.Headers["x-echo"] = prompt;
                await ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage);
                break;
            default:
                await ScriptedUpstream.JsonAsync(
                    http, 200, Answers.AnthropicMessage.Replace("Hello", prompt, StringComparison.Ordinal));
                break;
        }
    }
}
