using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Forebay.Core.Fleet;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.Tls;

/// <summary>What came of reading the files again.</summary>
public enum CertificateReload : byte
{
    /// <summary>The files hold what is in use.</summary>
    Unchanged,

    /// <summary>New connections get the new certificate; open ones keep theirs.</summary>
    Replaced,

    /// <summary>The files are unusable and the certificate in use stays; <see cref="ReloadingCertificate.Problem"/>
    /// says why.</summary>
    Kept,
}

/// <summary>
/// The certificate of a listening port, read again when its PEM files change. Changes are seen by content, not by file
/// times, so that links swapped by a secret store and restored backups count too. A pair that does not fit (as in the
/// moment between writing the one and the other) leaves the old one in use.
/// </summary>
public sealed class ReloadingCertificate : IDisposable
{
    /// <summary>How often the files are looked at unless told otherwise.</summary>
    public static readonly TimeSpan DefaultPoll = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan ExpiryNotice = TimeSpan.FromDays(14);

    private readonly ListenerTlsConfig _files;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _reloading = new();
    private readonly ITimer _timer;
    private LoadedCertificate _current;
    private string _seenDigest;
    private string? _problem;

    private ReloadingCertificate(
        ListenerTlsConfig files,
        LoadedCertificate first,
        string digest,
        TimeProvider time,
        TimeSpan poll,
        ILogger logger)
    {
        _files = files;
        _current = first;
        _seenDigest = digest;
        _time = time;
        _logger = logger;
        WarnOfExpiry(first.Leaf);
        _timer = time.CreateTimer(static self => ((ReloadingCertificate)self!).Reload(), this, poll, poll);
    }

    /// <summary>The certificate in use.</summary>
    public X509Certificate2 Current => Volatile.Read(ref _current).Leaf;

    /// <summary>Told of each certificate that takes the place of another, on whatever thread found it; must not throw.
    /// </summary>
    public Action<X509Certificate2>? Replaced { get; set; }

    /// <summary>Why the files were not taken over when last read; null when they were.</summary>
    public string? Problem => Volatile.Read(ref _problem);

    /// <summary>Reads the files for the first time.</summary>
    /// <exception cref="CertificateException">A file is missing, unreadable, no PEM, or the two do not fit.</exception>
    public static ReloadingCertificate Load(
        ListenerTlsConfig files,
        TimeProvider time,
        ILogger<ReloadingCertificate> logger,
        TimeSpan? poll = null)
    {
        PemPair pair = PemPair.Read(files);
        return new ReloadingCertificate(files, pair.Parse(), pair.Digest, time, poll ?? DefaultPoll, logger);
    }

    /// <summary>Reads the files again now.</summary>
    public CertificateReload Reload()
    {
        lock (_reloading)
        {
            string digest = "unreadable";
            try
            {
                PemPair pair = PemPair.Read(_files);
                digest = pair.Digest;
                if (digest == _seenDigest)
                {
                    return Problem is null ? CertificateReload.Unchanged : CertificateReload.Kept;
                }

                _seenDigest = digest;
                LoadedCertificate loaded = pair.Parse();

                // The one before is not disposed: handshakes may still be using it. It goes with the collector.
                Volatile.Write(ref _current, loaded);
                Volatile.Write(ref _problem, null);
                _logger.CertificateReplaced(_files.CertificateFile, loaded.Leaf.Subject, loaded.Leaf.NotAfter);
                WarnOfExpiry(loaded.Leaf);
                Replaced?.Invoke(loaded.Leaf);
                return CertificateReload.Replaced;
            }
            catch (CertificateException e)
            {
                if (Problem != e.Message)
                {
                    _logger.CertificateKept(_files.CertificateFile, e.Message, Current.NotAfter);
                }

                _seenDigest = digest;
                Volatile.Write(ref _problem, e.Message);
                return CertificateReload.Kept;
            }
        }
    }

    /// <summary>Makes a Kestrel endpoint speak TLS (HTTP/1.1 and HTTP/2) with the certificate in use.</summary>
    public void ApplyTo(ListenOptions listen) => listen.UseHttps(new TlsHandshakeCallbackOptions
    {
        OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions
        {
            ServerCertificateContext = Volatile.Read(ref _current).Context,
            ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
        }),
    });

    public void Dispose() => _timer.Dispose();

    private void WarnOfExpiry(X509Certificate2 leaf)
    {
        DateTimeOffset now = _time.GetUtcNow();
        DateTimeOffset end = leaf.NotAfter.ToUniversalTime();
        if (end <= now)
        {
            _logger.CertificateExpired(_files.CertificateFile, end);
        }
        else if (end - now < ExpiryNotice)
        {
            _logger.CertificateExpiresSoon(_files.CertificateFile, end);
        }
    }

    private sealed record LoadedCertificate(X509Certificate2 Leaf, SslStreamCertificateContext Context);

    /// <summary>The text of both files at one moment.</summary>
    private sealed record PemPair(ListenerTlsConfig Files, string Certificate, string Key)
    {
        public string Digest => Convert.ToHexStringLower(
            SHA256.HashData(System.Text.Encoding.UTF8.GetBytes($"{Certificate.Length}:{Certificate}{Key}")));

        public static PemPair Read(ListenerTlsConfig files) =>
            new(files, ReadFile(files.CertificateFile, "certificate_file"), ReadFile(files.KeyFile, "key_file"));

        public LoadedCertificate Parse()
        {
            var chain = new X509Certificate2Collection();
            try
            {
                chain.ImportFromPem(Certificate);
            }
            catch (Exception e) when (e is CryptographicException or ArgumentException)
            {
                throw new CertificateException($"certificate_file {Files.CertificateFile} holds a broken PEM block. " +
                    "Give the server's certificate first, then the intermediates.", e);
            }

            if (chain.Count == 0)
            {
                throw new CertificateException($"certificate_file {Files.CertificateFile} holds no PEM certificate. " +
                    "It must have a block BEGIN CERTIFICATE, the server's own first.");
            }

            try
            {
                X509Certificate2 leaf = X509Certificate2.CreateFromPem(Certificate, Key);
                chain[0].Dispose();
                chain.RemoveAt(0);
                return new LoadedCertificate(leaf, SslStreamCertificateContext.Create(leaf, chain, offline: true));
            }
            catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException)
            {
                throw new CertificateException($"key_file {Files.KeyFile} is not the unencrypted PEM key of the " +
                    $"certificate in {Files.CertificateFile}. Give the key that the certificate was made with.", e);
            }
        }

        private static string ReadFile(string path, string key)
        {
            try
            {
                return File.ReadAllText(path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
            {
                throw new CertificateException($"{key} {path} cannot be read: {e.Message} " +
                    "Check the path and that this user may read it.", e);
            }
        }
    }
}
