using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Forebay.Core.Errors;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Fuzzing;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Forebay.FunctionalTests.Hostile;

/// <summary>
/// Damaged requests of two tenants over raw sockets to a real gateway, whose upstream says everything it heard. Each is
/// answered with a known reason or its connection ends, and nothing of one tenant reaches the other.
/// </summary>
public sealed class GatewayFuzzTests
{
    private static readonly string[] Reasons = [.. ReasonTable.Rows.Select(r => r.Label)];

    private static readonly string[] Heads =
    [
        "Transfer-Encoding: chunked\r\n", "Content-Length: 0\r\n", "Content-Encoding: gzip\r\n", "Expect: 100-continue\r\n",
        "Connection: x-api-key\r\n", "x-way: cut\r\n", "Upgrade: h2c\r\n", "x-\u00ff: \u0001\r\n",
        "Host: other\r\n", " folded\r\n",
    ];

    [Fact]
    public async Task No_damaged_request_crashes_hangs_or_leaks()
    {
        var unobserved = new ConcurrentQueue<Exception>();
        EventHandler<UnobservedTaskExceptionEventArgs> watch = (_, e) => unobserved.Enqueue(e.Exception);
        TaskScheduler.UnobservedTaskException += watch;
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(EchoAsync);
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address, upstream.Address], c => c with
        {
            Tenants = [.. c.Tenants.Select(t => t with { Tier = "scale", Residency = null })],
            Server = c.Server with
            {
                Gateway = c.Server.Gateway with
                {
                    BodyTimeoutSeconds = 0.3, HeadersTimeoutSeconds = 1, IdleConnectionSeconds = 1,
                },
            },
        });
        var seen = new ConcurrentDictionary<int, int>();

        await FuzzRun.EachAsync("a gateway's requests", 1500, atOnce: 16, async random =>
        {
            foreach (int status in await AskAsync(gateway, random))
            {
                seen.AddOrUpdate(status, 1, (_, n) => n + 1);
            }
        });

        await GatewayHealth.ServesAsync(gateway);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        TaskScheduler.UnobservedTaskException -= watch;
        Assert.DoesNotContain(unobserved, e => e.ToString().Contains("Forebay.Gateway", StringComparison.Ordinal));
        Assert.DoesNotContain(gateway.Journal.Settled, u => u.Reason == Reason.Internal);
        Console.WriteLine("Answers by status: " +
            string.Join(", ", seen.OrderBy(s => s.Key).Select(s => $"{s.Key} x {s.Value}")) + ".");
    }

    /// <summary>Sends one request, damaged in its body, its head or not at all; gives the statuses that came back.</summary>
    private static async Task<int[]> AskAsync(GatewayHarness gateway, Random random)
    {
        (string own, string other, string secret) = random.Next(2) == 0
            ? ("acme", "globex", GatewayHarness.Secret)
            : ("globex", "acme", GatewayHarness.OtherSecret);
        string mark = $"mark-of-{own}";
        bool anthropic = random.Next(2) == 0;
        byte[] body = Encoding.UTF8.GetBytes(anthropic
            ? GatewayHarness.MessagesBody(random.Next(2) == 0).Replace("Hi", mark, StringComparison.Ordinal)
            : GatewayHarness.ChatBody(random.Next(2) == 0).Replace("Hi", mark, StringComparison.Ordinal));
        int kind = random.Next(4);
        body = kind is 0 or 1 ? ByteMutation.Of(body, Corpus.Requests[random.Next(Corpus.Requests.Count)], random) : body;
        string head = $"POST {(anthropic ? "/v1/messages" : "/v1/chat/completions")} HTTP/1.1\r\nHost: gateway\r\n" +
            $"Connection: close\r\nx-api-key: {secret}\r\nanthropic-version: 2023-06-01\r\nx-mark: {mark}\r\n" +
            $"Content-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n";
        byte[] headBytes = Encoding.Latin1.GetBytes(head);
        if (kind is 1 or 2)
        {
            headBytes = random.Next(3) == 0
                ? Encoding.Latin1.GetBytes(head.Insert(head.IndexOf("\r\n", StringComparison.Ordinal) + 2,
                    Heads[random.Next(Heads.Length)]))
                : ByteMutation.Of(headBytes, [], random);
        }

        string answer = await ExchangeAsync(gateway, [.. headBytes, .. body], waits: kind is 0 or 3 || random.Next(4) == 0);
        Assert.True(answer.Length > 0 || kind is 1 or 2, "a request with a sound head was not answered");
        Assert.DoesNotContain($"mark-of-{other}", answer);
        Assert.DoesNotContain(GatewayHarness.Secret, answer);
        Assert.DoesNotContain(GatewayHarness.OtherSecret, answer);
        Assert.DoesNotContain("secret-of-env", answer);
        return StatusesOf(answer);
    }

    private static async Task<string> ExchangeAsync(GatewayHarness gateway, byte[] request, bool waits)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(gateway.Server.Address.Host, gateway.Server.Address.Port);
        var text = new StringBuilder();
        try
        {
            NetworkStream wire = tcp.GetStream();
            await wire.WriteAsync(request);
            if (!waits)
            {
                // A damaged head may promise more than comes; most do not wait until the gateway has had enough of it.
                tcp.Client.Shutdown(SocketShutdown.Send);
            }

            var buffer = new byte[16 * 1024];
            int read;
            while ((read = await wire.ReadAsync(buffer)) > 0)
            {
                text.Append(Encoding.Latin1.GetString(buffer, 0, read));
            }
        }
        catch (IOException)
        {
            // Reset: what came before it counts.
        }

        return text.ToString();
    }

    /// <summary>Every answer that is not a success says why in a word of the closed list, or is the server's bare refusal
    /// of what is no HTTP.</summary>
    private static int[] StatusesOf(string answer)
    {
        if (answer.Length == 0)
        {
            return [0];
        }

        Assert.StartsWith("HTTP/1.1 ", answer);
        int status = int.Parse(answer.AsSpan(9, 3));
        string head = answer.Split("\r\n\r\n")[0];
        string? reason = head.Split("\r\n")
            .FirstOrDefault(l => l.StartsWith("x-forebay-reason: ", StringComparison.OrdinalIgnoreCase))?.Split(' ')[1];
        bool bare = status is 400 or 405 or 408 or 411 or 414 or 431 or 501 or 505
            && head.Contains("Content-Length: 0", StringComparison.OrdinalIgnoreCase);
        Assert.True(
            status is 100 or 200 || bare || (reason is not null && Reasons.Contains(reason)),
            $"{status} without a reason: {answer}");
        return [status];
    }

    private static async Task EchoAsync(HttpContext http, ReceivedRequest request)
    {
        if (!request.Headers.ContainsKey("x-mark"))
        {
            await ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage);
            return;
        }

        string heard = JsonSerializer.Serialize(
            request.Text + string.Join(' ', request.Headers.Where(h => h.Key != "x-api-key" && h.Key != "Authorization")));
        bool anthropic = request.Path == "/v1/messages";
        bool stream = request.Text.Contains("\"stream\":true", StringComparison.Ordinal);
        http.Response.Headers["x-echo"] = request.Headers.GetValueOrDefault("x-mark", "none");
        if (stream)
        {
            IEnumerable<string> events = (anthropic ? Answers.AnthropicStream : Answers.OpenAiStream(true)).Select(
                e => e.Replace("\"Hello\"", heard, StringComparison.Ordinal));
            await ScriptedUpstream.StreamAsync(
                http, request.Headers.ContainsKey("x-way") ? events.Take(4) : events);
            return;
        }

        string answer = anthropic ? Answers.AnthropicMessage : Answers.OpenAiCompletion;
        await ScriptedUpstream.JsonAsync(http, 200, answer.Replace("\"Hello there\"", heard, StringComparison.Ordinal));
    }
}
