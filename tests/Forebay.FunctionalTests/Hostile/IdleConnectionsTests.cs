using System.Net;
using System.Net.Sockets;
using Forebay.FunctionalTests.Server;
using Forebay.TestKit;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Hostile;

/// <summary>Many connections that say nothing, to a server in a process of its own.</summary>
public sealed class IdleConnectionsTests
{
    private const int Connections = 10_000;

    /// <summary>Files that either process holds beside them.</summary>
    private const int Spare = 500;

    [Fact]
    public async Task Ten_thousand_idle_connections_do_not_keep_anybody_else_waiting()
    {
        if (FileLimit() is { } limit && limit < Connections + Spare)
        {
            Assert.Skip($"needs {Connections + Spare} open files; the hard limit here is {limit}");
        }

        using var folder = new TemporaryFolder();
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, r) =>
            r.Path == "/v1/messages"
                ? ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream)
                : ScriptedUpstream.JsonAsync(http, 200, Answers.OpenAiCompletion));
        string file = new TestFleet(new TestDeployment("d", "atlas", upstream.Address)).Write(folder.File("forebay.yaml"));
        await using ForebayProcess server = await ForebayProcess.ServeAsync(file, folder.File("data"));
        string key = await Server.Cli.NewKeyAsync(folder.File("data"), "acme");
        var address = new Uri(server.Ready.BaseUrl);
        var idle = new Socket[Connections];
        try
        {
            await Parallel.ForAsync(0, Connections, new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (i, cancel) =>
            {
                idle[i] = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await idle[i].ConnectAsync(new IPEndPoint(IPAddress.Loopback, address.Port), cancel);
            });
            await Eventually.TrueAsync(
                async () => await OpenAsync(server) >= Connections, () => "Not all connections were accepted.");

            for (int i = 0; i < 20; i++)
            {
                Answer stream = await server.Api.AskAsync(Calls.Messages("atlas", stream: true, key: key));
                Assert.True(stream.IsComplete, stream.Text);
                Answer whole = await server.Api.AskAsync(Calls.Chat("atlas", key: key));
                Assert.Equal(200, whole.Status);
            }

            Assert.True(await OpenAsync(server) >= Connections);
        }
        finally
        {
            foreach (Socket socket in idle)
            {
                socket?.Dispose();
            }
        }

        await Eventually.TrueAsync(
            async () => await OpenAsync(server) < 10, () => "Closed connections still count.");
        await server.StopAsync();
    }

    private static async Task<long> OpenAsync(ForebayProcess server)
    {
        string metrics = await server.Admin.GetStringAsync("/metrics");
        string line = metrics.Split('\n').Single(l => l.StartsWith("forebay_gateway_connections ", StringComparison.Ordinal));
        return long.Parse(line.Split(' ')[1]);
    }

    /// <summary>The hard limit of open files; .NET raises the soft one to it by itself.</summary>
    private static long? FileLimit()
    {
        const string limits = "/proc/self/limits";
        string? line = File.Exists(limits)
            ? File.ReadLines(limits).FirstOrDefault(l => l.StartsWith("Max open files", StringComparison.Ordinal))
            : null;
        string[] words = line?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        return words.Length > 4 && long.TryParse(words[4], out long hard) ? hard : null;
    }
}
