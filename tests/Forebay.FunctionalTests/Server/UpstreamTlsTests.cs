using System.Security.Cryptography.X509Certificates;
using Forebay.TestKit;
using Forebay.TestKit.Tls;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary>How the gateway reaches upstreams: whom it trusts, what it shows, and through which proxy.</summary>
public sealed class UpstreamTlsTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly TunnelProxy _tunnel = new();
    private X509Certificate2 _upstreamCertificate = null!;
    private string _clientThumbprint = "";
    private ScriptedUpstream _plain = null!;
    private ScriptedUpstream _tls = null!;
    private ScriptedUpstream _mutual = null!;
    private ForebayProcess _server = null!;
    private string _key = "";

    private string Data => _folder.File("data");

    private string FleetFile => _folder.File("forebay.yaml");

    public async ValueTask InitializeAsync()
    {
        _upstreamCertificate = Make("upstream");
        using X509Certificate2 client = Make("client");
        using X509Certificate2 stranger = Make("stranger");
        _clientThumbprint = client.Thumbprint;
        _plain = await ScriptedUpstream.StartAsync(AnswerAsync);
        _tls = await ScriptedUpstream.StartAsync(AnswerAsync, o => o.ServerCertificate = _upstreamCertificate);
        _mutual = await ScriptedUpstream.StartAsync(AnswerAsync, o =>
        {
            o.ServerCertificate = _upstreamCertificate;
            o.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
            o.ClientCertificateValidation = (shown, _, _) => shown.Thumbprint == _clientThumbprint;
        });
        string trust = $"ca_file: {Pem("upstream", "crt")}";
        Fleet(
            new TestDeployment("trusted", "trusted", Named(_tls), $", tls: {{{trust}}}"),
            new TestDeployment("wrong", "wrong", Named(_tls), $", tls: {{ca_file: {Pem("stranger", "crt")}}}"),
            new TestDeployment("wrong-too", "either", Named(_tls), $", tls: {{ca_file: {Pem("stranger", "crt")}}}"),
            new TestDeployment("plain", "either", _plain.Address),
            new TestDeployment("mutual", "mutual", Named(_mutual), $", tls: {{{trust}, {Shown("client")}}}"),
            new TestDeployment("unknown", "unknown", Named(_mutual), $", tls: {{{trust}, {Shown("stranger")}}}"),
            new TestDeployment(
                "proxied", "proxied", new Uri("http://upstream.invalid"), $", proxy: '{_plain.Address}'"),
            new TestDeployment(
                "tunnelled", "tunnelled", Named(_tls), $", tls: {{{trust}}}, proxy: '{_tunnel.Address}'"));
        _server = await ForebayProcess.ServeAsync(FleetFile, Data);
        _key = await Cli.NewKeyAsync(Data, "acme");
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _plain.DisposeAsync();
        await _tls.DisposeAsync();
        await _mutual.DisposeAsync();
        _upstreamCertificate.Dispose();
        _tunnel.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_private_authority_a_client_certificate_and_a_proxy_are_used_as_the_file_says()
    {
        foreach (string model in (string[])["trusted", "mutual", "proxied", "tunnelled"])
        {
            Answer answer = await AskAsync(model);
            Assert.True(answer.IsComplete, $"{model}: {answer.Text}\n{_server.Errors}");
        }

        Assert.Contains(_plain.Requests, r => r.Headers["Host"] == "upstream.invalid");
        Assert.Equal([$"localhost:{_tls.Address.Port}"], _tunnel.Targets.Distinct());
        Assert.Single(_mutual.Requests);
    }

    [Fact]
    public async Task An_upstream_that_is_not_who_it_should_be_gets_no_request_and_the_log_says_why()
    {
        Answer wrong = await AskAsync("wrong");

        Assert.Equal((502, "upstream_unavailable"), (wrong.Status, wrong.Headers["x-forebay-reason"]));
        Assert.Empty(_tls.Requests);
        await Eventually.TrueAsync(
            () => _server.Errors.Contains(wrong.RequestId, StringComparison.Ordinal), () => _server.Errors);
        string line = _server.Errors.Split('\n').First(l => l.Contains(wrong.RequestId, StringComparison.Ordinal));
        Assert.Contains("deployment wrong", line, StringComparison.Ordinal);
        Assert.Contains("certificate", line, StringComparison.Ordinal);
        Assert.DoesNotContain("see inner exception", line, StringComparison.Ordinal);

        // Another deployment of the same model serves it meanwhile: nobody notices.
        int most = 0;
        for (int i = 0; i < 20; i++)
        {
            Answer answer = await AskAsync("either");
            Assert.True(answer.IsComplete, answer.Text);
            most = Math.Max(most, int.Parse(answer.Headers["x-forebay-attempts"]));
        }

        Assert.Equal(2, most);
    }

    [Fact]
    public async Task A_client_certificate_that_is_not_accepted_fails_precisely()
    {
        Answer refused = await AskAsync("unknown");

        Assert.Equal(502, refused.Status);
        Assert.Empty(_mutual.Requests);
        Assert.DoesNotContain("see inner exception", _server.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Renewed_files_are_taken_over_by_a_reload()
    {
        Assert.Equal(502, (await AskAsync("wrong")).Status);

        File.Copy(Pem("upstream", "crt"), Pem("stranger", "crt"), overwrite: true);
        File.Copy(Pem("upstream", "key"), Pem("stranger", "key"), overwrite: true);
        await Cli.OkAsync(Data, "reload");

        Answer answer = await AskAsync("wrong");
        Assert.True(answer.IsComplete, answer.Text);
    }

    [Fact]
    public async Task A_file_that_is_missing_keeps_the_fleet_in_force_and_is_named()
    {
        File.Delete(Pem("client", "key"));

        Ended reload = await Cli.RunAsync(Data, "reload");

        Assert.Equal(1, reload.Code);
        Assert.Contains("client.key", reload.Output, StringComparison.Ordinal);
        Assert.True((await AskAsync("mutual")).IsComplete);
    }

    private Task<Answer> AskAsync(string model) => _server.Api.AskAsync(Calls.Messages(model, key: _key));

    private void Fleet(params TestDeployment[] deployments) => new TestFleet(deployments).Write(FleetFile);

    private static Task AnswerAsync(HttpContext http, ReceivedRequest request) =>
        ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage);

    /// <summary>By name: certificates are made for one, not for an address.</summary>
    private static Uri Named(ScriptedUpstream upstream) => new($"https://localhost:{upstream.Address.Port}");

    private string Pem(string name, string kind) => _folder.File($"{name}.{kind}");

    private string Shown(string name) =>
        $"client_certificate_file: {Pem(name, "crt")}, client_key_file: {Pem(name, "key")}";

    private X509Certificate2 Make(string name)
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        (string certificate, string key) = TestCertificate.Create("localhost", now.AddDays(-1), now.AddDays(30));
        File.WriteAllText(Pem(name, "crt"), certificate);
        File.WriteAllText(Pem(name, "key"), key);
        return X509Certificate2.CreateFromPem(certificate, key);
    }
}
