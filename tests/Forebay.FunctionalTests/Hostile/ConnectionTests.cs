using System.Diagnostics.Metrics;
using System.Net.Sockets;
using System.Text;
using Forebay.Core.Fleet;
using Forebay.FunctionalTests.Gateway;
using Forebay.FunctionalTests.Server;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Hostile;

/// <summary>Connections as a resource: how many, how long they may say nothing, how long they may take to say it.
/// </summary>
public sealed class ConnectionTests : IAsyncLifetime
{
    private ScriptedUpstream _upstream = null!;

    public async ValueTask InitializeAsync() => _upstream = await ScriptedUpstream.StartAsync(
        (http, _) => ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));

    public ValueTask DisposeAsync() => _upstream.DisposeAsync();

    [Fact]
    public async Task Connections_past_the_bound_are_refused_and_counted()
    {
        using var refusals = new Refusals();
        await using GatewayHarness gateway = await StartAsync(g => g with { MaxConnections = 5 });
        List<RawClient> open = await OpenAsync(gateway, 5);

        using RawClient sixth = await RawClient.ConnectAsync(gateway);
        string answer = await sixth.ReadToEndAsync();

        Assert.StartsWith("HTTP/1.1 503 ", answer);
        Assert.Contains("x-forebay-reason: overloaded\r\n", answer);
        Assert.Equal(["max_connections"], refusals.Bounds);

        open[0].Dispose();
        await Eventually.TrueAsync(() => gateway.Server.Connections == 4, () => "The closed connection still counts.");
        await GatewayHealth.ServesAsync(gateway);
        open.ForEach(c => c.Dispose());
        gateway.Client.Dispose();
        await Eventually.TrueAsync(
            () => gateway.Server.Connections == 0, () => $"{gateway.Server.Connections} connections still count.");
    }

    [Fact]
    public async Task One_address_may_not_take_all_connections()
    {
        using var refusals = new Refusals();
        await using GatewayHarness gateway = await StartAsync(g => g with { MaxConnectionsPerAddress = 3 });
        List<RawClient> open = await OpenAsync(gateway, 3);

        using RawClient fourth = await RawClient.ConnectAsync(gateway);

        Assert.StartsWith("HTTP/1.1 503 ", await fourth.ReadToEndAsync());
        Assert.Equal(["max_connections_per_address"], refusals.Bounds);
        open.ForEach(c => c.Dispose());
        await Eventually.TrueAsync(() => gateway.Server.Connections == 0, () => "Closed connections still count.");
        await GatewayHealth.ServesAsync(gateway);
    }

    [Fact]
    public async Task A_connection_that_says_nothing_is_closed()
    {
        await using GatewayHarness gateway = await StartAsync(g => g with { IdleConnectionSeconds = 1 });
        using RawClient silent = await RawClient.ConnectAsync(gateway);
        using RawClient after = await RawClient.ConnectAsync(gateway);
        await after.SendAsync(RawClient.Request("/v1/messages"));

        Assert.Equal(200, (await after.ReadAnswerAsync()).Status);
        Assert.Equal("", await silent.ReadToEndAsync());
        Assert.Equal("", await after.ReadToEndAsync());
    }

    [Theory]
    [InlineData("POST /v1/mess")]
    [InlineData("POST /v1/messages HTTP/1.1\r\nHost: gateway\r\nx-api")]
    public async Task Headers_that_dawdle_are_timed_out(string begun)
    {
        await using GatewayHarness gateway = await StartAsync(g => g with { HeadersTimeoutSeconds = 1 });
        var slow = new List<RawClient>();
        for (int i = 0; i < 50; i++)
        {
            slow.Add(await RawClient.ConnectAsync(gateway));
            await slow[^1].SendAsync(begun);
        }

        await GatewayHealth.ServesAsync(gateway);
        foreach (RawClient client in slow)
        {
            string answer = await client.ReadToEndAsync();
            Assert.True(answer.Length == 0 || answer.StartsWith("HTTP/1.1 408", StringComparison.Ordinal), answer);
            client.Dispose();
        }

        Assert.Empty(_upstream.Requests.Skip(1));
    }

    /// <summary>Clients that come and go at every stage of a request, by an orderly end and by a reset.</summary>
    [Fact]
    public async Task Churn_leaves_nothing_behind()
    {
        await using GatewayHarness gateway = await StartAsync(g => g);
        byte[] request = Encoding.Latin1.GetBytes(RawClient.Request(
            "/v1/messages", body: GatewayHarness.MessagesBody(stream: true)));
        await Parallel.ForAsync(0, 1000, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, cancel) =>
        {
            using var tcp = new TcpClient();
            await tcp.ConnectAsync(gateway.Server.Address.Host, gateway.Server.Address.Port, cancel);
            await tcp.GetStream().WriteAsync(request.AsMemory(0, request.Length * (i % 11) / 10), cancel);
            if (i % 2 == 0)
            {
                tcp.Client.LingerState = new LingerOption(true, 0);
            }
        });

        await GatewayHealth.ServesAsync(gateway);
        gateway.Client.Dispose();
        await Eventually.TrueAsync(
            () => gateway.Server.Connections == 0, () => $"{gateway.Server.Connections} connections still count.");
        Assert.Equal(0, gateway.State.Of(gateway.State.Model.Deployments[0]).Failed);
    }

    private Task<GatewayHarness> StartAsync(Func<GatewayConfig, GatewayConfig> change) => GatewayHarness.StartAsync(
        [_upstream.Address], c => c with { Server = c.Server with { Gateway = change(c.Server.Gateway) } });

    private static async Task<List<RawClient>> OpenAsync(GatewayHarness gateway, int count)
    {
        var open = new List<RawClient>();
        for (int i = 0; i < count; i++)
        {
            open.Add(await RawClient.ConnectAsync(gateway));
        }

        await Eventually.TrueAsync(
            () => gateway.Server.Connections == count, () => $"{gateway.Server.Connections} of {count} are open.");
        return open;
    }

    /// <summary>What the metric of refused connections counts. The tests of a class run one after another.</summary>
    private sealed class Refusals : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly List<string> _bounds = [];

        public Refusals()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "forebay.gateway.connections.refused")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((_, _, tags, _) =>
            {
                lock (_bounds)
                {
                    _bounds.Add((string)tags[0].Value!);
                }
            });
            _listener.Start();
        }

        public string[] Bounds
        {
            get
            {
                lock (_bounds)
                {
                    return [.. _bounds];
                }
            }
        }

        public void Dispose() => _listener.Dispose();
    }
}
