using System.Net;
using System.Security.Cryptography.X509Certificates;
using Forebay.FunctionalTests.Gateway;
using Forebay.FunctionalTests.Server;
using Forebay.TestKit.Tls;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Hostile;

/// <summary>The port that clients call when it speaks TLS: handshakes that are none, and HTTP/2.</summary>
public sealed class HostileTlsTests : IAsyncLifetime
{
    private ScriptedUpstream _upstream = null!;
    private X509Certificate2 _certificate = null!;

    public async ValueTask InitializeAsync()
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        (string certificate, string key) = TestCertificate.Create("gateway.test", now.AddDays(-1), now.AddDays(1));
        _certificate = X509Certificate2.CreateFromPem(certificate, key);
        _upstream = await ScriptedUpstream.StartAsync((http, r) => r.Text.Contains("\"stream\":true", StringComparison.Ordinal)
            ? ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream)
            : ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));
    }

    public async ValueTask DisposeAsync()
    {
        await _upstream.DisposeAsync();
        _certificate.Dispose();
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: gateway\r\n\r\n")]
    [InlineData("\u0016\u0003\u0001\u0000\u0005\u0001\u0000\u0000\u0001\u0000")]
    [InlineData("\u0016\u0003\u0001")]
    [InlineData("")]
    public async Task A_handshake_that_is_none_or_never_ends_is_given_up_and_keeps_nobody_waiting(string bytes)
    {
        await using GatewayHarness gateway = await GatewayHarness.StartTlsAsync([_upstream.Address], _certificate);
        using RawClient client = await RawClient.ConnectAsync(gateway);
        await client.SendAsync(bytes);

        await GatewayHealth.ServesAsync(gateway);
        string answer = await client.ReadToEndAsync();

        Assert.DoesNotContain("HTTP/1.1 200", answer);
        gateway.Client.Dispose();
        await Eventually.TrueAsync(() => gateway.Server.Connections == 0, () => "The connection still counts.");
    }

    /// <summary>Over TLS there is no way to say why before the handshake.</summary>
    [Fact]
    public async Task Connections_past_the_bound_are_closed_before_the_handshake()
    {
        await using GatewayHarness gateway = await GatewayHarness.StartTlsAsync(
            [_upstream.Address], _certificate, c => c with
            {
                Server = c.Server with { Gateway = c.Server.Gateway with { MaxConnections = 1 } },
            });
        using RawClient first = await RawClient.ConnectAsync(gateway);
        await Eventually.TrueAsync(() => gateway.Server.Connections == 1, () => "The first is not open.");

        using RawClient second = await RawClient.ConnectAsync(gateway);

        Assert.Equal("", await ReadUntilClosedAsync(second));
    }

    /// <summary>A connection that is closed with our bytes unread is reset, which is as good.</summary>
    private static async Task<string> ReadUntilClosedAsync(RawClient client)
    {
        try
        {
            return await client.ReadToEndAsync();
        }
        catch (IOException)
        {
            return "";
        }
    }

    /// <summary>More requests at once than a connection has streams; a third of them are given up.</summary>
    [Fact]
    public async Task Many_requests_on_one_http2_connection_are_served_and_those_given_up_leave_nothing()
    {
        await using GatewayHarness gateway = await GatewayHarness.StartTlsAsync([_upstream.Address], _certificate);

        string[] outcomes = await Task.WhenAll(Enumerable.Range(0, 300).Select(async i =>
        {
            HttpRequestMessage request = GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: i % 2 == 0));
            request.Version = HttpVersion.Version20;
            request.VersionPolicy = HttpVersionPolicy.RequestVersionExact;
            using HttpResponseMessage response = await gateway.Client.SendAsync(
                request, HttpCompletionOption.ResponseHeadersRead);
            Assert.Equal(HttpVersion.Version20, response.Version);
            if (i % 3 == 0)
            {
                return "given up";
            }

            string body = await response.Content.ReadAsStringAsync();
            return body.Contains("message_stop", StringComparison.Ordinal)
                || body.Contains("Hello there", StringComparison.Ordinal) ? "whole" : body;
        }));

        Assert.All(outcomes, o => Assert.True(o is "whole" or "given up", o));
        await GatewayHealth.ServesAsync(gateway);
        Assert.Equal(0, gateway.State.Of(gateway.State.Model.Deployments[0]).Failed);
    }
}
