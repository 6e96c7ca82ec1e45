using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Forebay.Control.Admin;
using Forebay.Control.Tls;
using Forebay.Core.Fleet;
using Forebay.TestKit;
using Forebay.TestKit.Time;
using Forebay.TestKit.Tls;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.FunctionalTests.Control;

public sealed class AdminTlsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ManualTime _time = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task New_connections_get_the_new_certificate_while_open_ones_go_on()
    {
        Write("one.test");
        var files = new ListenerTlsConfig
        {
            CertificateFile = _folder.File("tls.crt"),
            KeyFile = _folder.File("tls.key"),
        };
        using var certificate = ReloadingCertificate.Load(
            files, _time, NullLogger<ReloadingCertificate>.Instance);
        await using AdminHarness admin = await AdminHarness.StartAsync(
            new AdminServerOptions { Certificate = certificate });
        Assert.Equal("https", admin.Server.Address.Scheme);
        using var before = new Client(admin.Server.Address);
        Assert.Equal("CN=one.test", await before.SubjectAsync());

        Write("two.test");
        _time.Advance(ReloadingCertificate.DefaultPoll);

        using var after = new Client(admin.Server.Address);
        Assert.Equal("CN=two.test", await after.SubjectAsync());
        Assert.Equal("CN=one.test", await before.SubjectAsync());
        Assert.Equal(1, before.Handshakes);
    }

    private void Write(string name)
    {
        (string cert, string key) = TestCertificate.Create(
            name, _time.GetUtcNow().AddDays(-1), _time.GetUtcNow().AddDays(30));
        File.WriteAllText(_folder.File("tls.crt"), cert);
        File.WriteAllText(_folder.File("tls.key"), key);
    }

    private sealed class Client : IDisposable
    {
        private readonly HttpClient _http;
        private string? _subject;

        public Client(Uri address)
        {
            var handler = new SocketsHttpHandler
            {
                SslOptions = { RemoteCertificateValidationCallback = OnCertificate },
            };
            _http = new HttpClient(handler)
            {
                BaseAddress = address,
                DefaultRequestVersion = HttpVersion.Version20,
                DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
        }

        public int Handshakes { get; private set; }

        public async Task<string?> SubjectAsync()
        {
            using HttpResponseMessage response = await _http.GetAsync("/livez");
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Contains("max-age", Assert.Single(response.Headers.GetValues("Strict-Transport-Security")));
            return _subject;
        }

        public void Dispose() => _http.Dispose();

        private bool OnCertificate(
            object sender,
            X509Certificate? certificate,
            X509Chain? chain,
            SslPolicyErrors errors)
        {
            _subject = certificate?.Subject;
            Handshakes++;
            return _subject?.EndsWith(".test", StringComparison.Ordinal) == true;
        }
    }
}
