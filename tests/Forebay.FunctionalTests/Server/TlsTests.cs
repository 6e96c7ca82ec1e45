using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Forebay.TestKit;
using Forebay.TestKit.Tls;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary>Both ports with TLS, and the commands that find such a server by its data directory.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Data => _folder.File("data");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Renewed_certificates_are_taken_over_while_serving_and_commands_trust_exactly_that_one()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));
        Write("api", "one.test");
        Write("admin", "admin-one.test");
        string file = new TestFleet(new TestDeployment("d", "m", upstream.Address))
        {
            Server = $"api: {{tls: {Files("api")}}}, admin: {{tls: {Files("admin")}}}",
        }.Write(_folder.File("forebay.yaml"));
        await using ForebayProcess server = await ForebayProcess.ServeAsync(file, Data);
        Assert.StartsWith("https://", server.Ready.BaseUrl, StringComparison.Ordinal);
        Assert.StartsWith("https://", server.Ready.AdminUrl, StringComparison.Ordinal);

        string key = await Cli.NewKeyAsync(Data, "acme");
        Assert.Equal("CN=one.test", await ServedWithAsync(server, key));

        // Renewed on disk, and only then told: the command must still trust what the server presents until it reads.
        Write("api", "two.test");
        Write("admin", "admin-two.test");
        await Cli.OkAsync(Data, "reload");
        Assert.Equal("CN=two.test", await ServedWithAsync(server, key));
        Assert.True((await Cli.StatusAsync(Data)).Ready);

        // What stands in the port's place with another certificate is not trusted.
        Ended elsewhere = await Cli.RunAsync(
            Data, "status", "--admin-url", server.Ready.AdminUrl, "--admin-token", server.Ready.AdminToken);
        Assert.Equal(1, elsewhere.Code);
        Assert.Contains("presents a certificate that is not trusted here", elsewhere.Errors, StringComparison.Ordinal);
    }

    /// <summary>Asks over a new connection; returns whose certificate was presented.</summary>
    private static async Task<string?> ServedWithAsync(ForebayProcess server, string key)
    {
        string? subject = null;
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
        {
            subject = certificate?.Subject;
            return errors != SslPolicyErrors.None && certificate is X509Certificate2;
        };
        using var http = new HttpClient(handler) { BaseAddress = new Uri(server.Ready.BaseUrl) };
        Answer answer = await http.AskAsync(Calls.Messages("m", key: key));
        Assert.True(answer.IsComplete, answer.Text);
        return subject;
    }

    private string Files(string name) =>
        $"{{certificate_file: {_folder.File(name + ".crt")}, key_file: {_folder.File(name + ".key")}}}";

    private void Write(string name, string subject)
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        (string certificate, string key) = TestCertificate.Create(subject, now.AddDays(-1), now.AddDays(30));
        File.WriteAllText(_folder.File(name + ".crt"), certificate);
        File.WriteAllText(_folder.File(name + ".key"), key);
    }
}
