using Forebay.Control.Tls;
using Forebay.Core.Fleet;
using Forebay.TestKit;
using Forebay.TestKit.Time;
using Forebay.TestKit.Tls;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.UnitTests.Control.Tls;

public sealed class ReloadingCertificateTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ManualTime _time = new();

    private ListenerTlsConfig Files => new()
    {
        CertificateFile = _folder.File("tls.crt"),
        KeyFile = _folder.File("tls.key"),
    };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_changed_pair_is_in_use_after_the_next_look()
    {
        Write("one.test");
        using ReloadingCertificate certificate = Load();
        Assert.Equal("CN=one.test", certificate.Current.Subject);
        Assert.True(certificate.Current.HasPrivateKey);

        Write("two.test");
        Assert.Equal("CN=one.test", certificate.Current.Subject);
        _time.Advance(ReloadingCertificate.DefaultPoll);

        Assert.Equal("CN=two.test", certificate.Current.Subject);
        Assert.Equal(CertificateReload.Unchanged, certificate.Reload());
    }

    [Fact]
    public void A_half_written_pair_leaves_the_old_one_and_says_so_until_it_fits()
    {
        Write("one.test");
        using ReloadingCertificate certificate = Load();
        (string cert, string key) = Make("two.test");

        File.WriteAllText(Files.CertificateFile, cert);
        Assert.Equal(CertificateReload.Kept, certificate.Reload());
        Assert.Equal(CertificateReload.Kept, certificate.Reload());
        Assert.Equal("CN=one.test", certificate.Current.Subject);
        Assert.Contains(Files.KeyFile, certificate.Problem, StringComparison.Ordinal);

        File.WriteAllText(Files.KeyFile, key);
        Assert.Equal(CertificateReload.Replaced, certificate.Reload());
        Assert.Null(certificate.Problem);
        Assert.Equal("CN=two.test", certificate.Current.Subject);
    }

    [Fact]
    public void A_file_that_vanishes_and_returns_changes_nothing()
    {
        Write("one.test");
        using ReloadingCertificate certificate = Load();
        string key = File.ReadAllText(Files.KeyFile);

        File.Delete(Files.KeyFile);
        Assert.Equal(CertificateReload.Kept, certificate.Reload());
        File.WriteAllText(Files.KeyFile, key);
        certificate.Reload();

        Assert.Null(certificate.Problem);
        Assert.Equal("CN=one.test", certificate.Current.Subject);
    }

    [Theory]
    [InlineData("", "holds no PEM certificate")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "broken PEM block")]
    public void A_bad_certificate_at_startup_names_the_file_and_the_fix(string text, string words)
    {
        Write("one.test");
        File.WriteAllText(Files.CertificateFile, text);

        CertificateException e = Assert.Throws<CertificateException>(Load);

        Assert.Contains(words, e.Message, StringComparison.Ordinal);
        Assert.Contains(Files.CertificateFile, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_or_foreign_key_at_startup_is_refused()
    {
        Write("one.test");
        File.WriteAllText(Files.KeyFile, Make("two.test").Key);
        Assert.Contains("is not the unencrypted PEM key", Assert.Throws<CertificateException>(Load).Message,
            StringComparison.Ordinal);

        File.Delete(Files.KeyFile);
        Assert.Contains("cannot be read", Assert.Throws<CertificateException>(Load).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void However_the_files_are_cut_or_bent_only_words_for_the_operator_come_out()
    {
        (string cert, string key) = Make("one.test");
        var random = new Random(7);
        for (int i = 0; i < 300; i++)
        {
            File.WriteAllText(Files.CertificateFile, i % 2 == 0 ? Bend(cert, random) : cert);
            File.WriteAllText(Files.KeyFile, i % 2 == 0 ? key : Bend(key, random));
            Exception? failure = Record.Exception(() => Load().Dispose());

            Assert.True(failure is null or CertificateException, failure?.ToString());
        }
    }

    [Fact]
    public void An_expired_certificate_is_used_all_the_same()
    {
        (string cert, string key) = TestCertificate.Create(
            "old.test", _time.GetUtcNow().AddDays(-2), _time.GetUtcNow().AddDays(-1));
        File.WriteAllText(Files.CertificateFile, cert);
        File.WriteAllText(Files.KeyFile, key);

        using ReloadingCertificate certificate = Load();

        Assert.Equal("CN=old.test", certificate.Current.Subject);
    }

    private static string Bend(string pem, Random random)
    {
        int at = random.Next(pem.Length);
        return random.Next(2) == 0 ? pem[..at] : pem[..at] + (char)random.Next(32, 127) + pem[(at + 1)..];
    }

    private ReloadingCertificate Load() =>
        ReloadingCertificate.Load(Files, _time, NullLogger<ReloadingCertificate>.Instance);

    private void Write(string name)
    {
        (string cert, string key) = Make(name);
        File.WriteAllText(Files.CertificateFile, cert);
        File.WriteAllText(Files.KeyFile, key);
    }

    private (string Certificate, string Key) Make(string name) =>
        TestCertificate.Create(name, _time.GetUtcNow().AddDays(-1), _time.GetUtcNow().AddDays(30));
}
