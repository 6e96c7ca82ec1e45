using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Providers;
using Forebay.Gateway.Providers;

namespace Forebay.Gateway.Upstreams;

/// <summary>
/// One deployment's endpoint as the gateway calls it: its own connection pool, credential and trust. It outlives
/// snapshots as long as what it was made from stays the same; a replaced one closes when its last request ends.
/// </summary>
public sealed class Upstream : IDisposable
{
    private readonly SocketsHttpHandler _handler;
    private readonly OpenSockets _sockets;
    private int _leases = 1;

    private Upstream(
        UpstreamIdentity identity, SocketsHttpHandler handler, OpenSockets sockets, string? secret)
    {
        _sockets = sockets;
        Identity = identity;
        Secret = secret;
        _handler = handler;
        Invoker = new HttpMessageInvoker(handler, disposeHandler: false);
        Adapter = ProviderAdapters.Create(identity, secret);
    }

    public UpstreamIdentity Identity { get; }

    public HttpMessageInvoker Invoker { get; }

    /// <summary>The credential that the fleet file refers to, or null.</summary>
    public string? Secret { get; }

    /// <summary>How its provider is called.</summary>
    internal ProviderAdapter Adapter { get; }

    /// <summary>Opens the connection pool of a deployment.</summary>
    /// <exception cref="IOException">A certificate file cannot be read.</exception>
    /// <exception cref="CryptographicException">A certificate file is not valid PEM.
    /// </exception>
    /// <param name="identity">What it is made from.</param>
    /// <param name="secret">The credential sent, or null.</param>
    /// <param name="roundTrip">Told how long each connection took to be accepted: one round trip. Not told where a
    /// proxy stands between.</param>
    public static Upstream Open(UpstreamIdentity identity, string? secret, Action<TimeSpan>? roundTrip = null)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            ActivityHeadersPropagator = null,
            ConnectTimeout = TimeSpan.FromSeconds(identity.ConnectSeconds),
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(90),
            PooledConnectionLifetime = TimeSpan.FromMinutes(15),
            // An abandoned answer closes its connection at once, so that the upstream notices.
            ResponseDrainTimeout = TimeSpan.Zero,
            MaxResponseDrainSize = 0,
            MaxResponseHeadersLength = 64,
            // Byte for byte both ways, as at the client's side: a header is not ours to refuse or to understand.
            RequestHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
            ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
            UseProxy = identity.Proxy is not null,
            Proxy = identity.Proxy is null ? null : new WebProxy(identity.Proxy),
            SslOptions = TrustOf(identity.Tls),
        };
        var sockets = new OpenSockets();
        Action<TimeSpan>? tell = identity.Proxy is null ? roundTrip : null;
        handler.ConnectCallback = (context, cancel) => ConnectAsync(context.DnsEndPoint, sockets, tell, cancel);
        return new Upstream(identity, handler, sockets, secret);
    }

    /// <summary>A path of the endpoint's that is not part of the API, such as <c>/health</c>.</summary>
    public Uri PathUri(string path) => Under(Identity.Endpoint, path.TrimStart('/'));

    /// <summary>Takes part in this upstream; false when it was already closed.</summary>
    public bool TryLease()
    {
        int seen = Volatile.Read(ref _leases);
        while (seen > 0)
        {
            int found = Interlocked.CompareExchange(ref _leases, seen + 1, seen);
            if (found == seen)
            {
                return true;
            }

            seen = found;
        }

        return false;
    }

    /// <summary>Gives a lease back; the last one closes the connections.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _leases) == 0)
        {
            Adapter.Dispose();
            Invoker.Dispose();
            _handler.Dispose();
        }
    }

    /// <summary>Closes every connection, whatever is in flight on it, and opens none until <see cref="Restore"/>: as if
    /// the other end had gone.</summary>
    /// <returns>How many were open.</returns>
    public int Cut() => _sockets.CloseAll();

    /// <summary>Opens connections again.</summary>
    public void Restore() => _sockets.Reopen();

    /// <summary>Gives the owner's lease back.</summary>
    public void Dispose() => Release();

    private static async ValueTask<Stream> ConnectAsync(
        DnsEndPoint to,
        OpenSockets sockets,
        Action<TimeSpan>? roundTrip,
        CancellationToken cancel)
    {
        IPAddress[] addresses = await Dns.GetHostAddressesAsync(to.Host, cancel);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            long started = Stopwatch.GetTimestamp();
            await socket.ConnectAsync(addresses, to.Port, cancel);
            roundTrip?.Invoke(Stopwatch.GetElapsedTime(started));
            return sockets.Open(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static Uri Under(Uri endpoint, string path)
    {
        string root = endpoint.AbsoluteUri.EndsWith('/') ? endpoint.AbsoluteUri : endpoint.AbsoluteUri + "/";
        return new Uri(new Uri(root), path);
    }

    private static SslClientAuthenticationOptions TrustOf(UpstreamTlsConfig? tls)
    {
        var policy = new X509ChainPolicy
        {
            RevocationMode = X509RevocationMode.NoCheck,
            // Fetching an intermediate that the upstream did not send would block the thread that waits for sockets.
            DisableCertificateDownloads = true,
        };
        var options = new SslClientAuthenticationOptions
        {
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            CertificateChainPolicy = policy,
        };
        if (tls?.CaFile is { } caFile)
        {
            policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            policy.CustomTrustStore.ImportFromPemFile(caFile);
        }

        if (tls?.ClientCertificateFile is { } certificateFile)
        {
            var certificate = X509Certificate2.CreateFromPemFile(certificateFile, tls.ClientKeyFile);
            options.ClientCertificates = [certificate];
        }

        return options;
    }
}

/// <summary>What makes two upstreams the same: everything a connection pool is made from.</summary>
/// <param name="Api">How it is called.</param>
/// <param name="Backing">What stands behind it.</param>
/// <param name="Endpoint">Base address.</param>
/// <param name="Model">The model's name there.</param>
/// <param name="Credential">Reference to the secret sent, or null.</param>
/// <param name="Tls">Files of trust and of the client certificate.</param>
/// <param name="TlsDigest">What is in those files.</param>
/// <param name="Proxy">Egress proxy, or null.</param>
/// <param name="ConnectSeconds">Deadline for opening a connection.</param>
public sealed record UpstreamIdentity(
    ProviderApi Api,
    Backing Backing,
    Uri Endpoint,
    string Model,
    string? Credential,
    UpstreamTlsConfig? Tls,
    string TlsDigest,
    Uri? Proxy,
    double ConnectSeconds)
{
    /// <summary>Where it is on Google Vertex.</summary>
    public GoogleConfig? Google { get; init; }

    /// <summary>Where it is on Amazon Bedrock.</summary>
    public AwsConfig? Aws { get; init; }

    /// <summary>Which Azure resource it is.</summary>
    public AzureConfig? Azure { get; init; }

    /// <exception cref="IOException">A certificate file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A certificate file may not be read.</exception>
    public static UpstreamIdentity Of(Deployment deployment) => new(
        deployment.Config.Api,
        deployment.Backing,
        deployment.Endpoint ?? throw new ArgumentException("A served deployment has an endpoint."),
        deployment.UpstreamModel,
        deployment.Config.Credential,
        deployment.Config.Tls,
        DigestOf(deployment.Config.Tls),
        deployment.Config.Proxy,
        deployment.Config.Timeouts.ConnectSeconds)
    {
        Google = deployment.Config.Google,
        Aws = deployment.Config.Aws,
        Azure = deployment.Config.Azure,
    };

    /// <summary>Whether a deployment means this upstream. Costs no allocation: asked on every attempt.</summary>
    public bool Serves(Deployment deployment) =>
        Endpoint == deployment.Endpoint
        && Api == deployment.Config.Api
        && Backing == deployment.Backing
        && Model == deployment.UpstreamModel
        && Credential == deployment.Config.Credential
        && Google == deployment.Config.Google
        && Aws == deployment.Config.Aws
        && Azure == deployment.Config.Azure
        && Tls == deployment.Config.Tls
        && Proxy == deployment.Config.Proxy
        && ConnectSeconds.Equals(deployment.Config.Timeouts.ConnectSeconds);

    /// <summary>Of what is in the files, so that a reload takes renewed ones over.</summary>
    private static string DigestOf(UpstreamTlsConfig? tls)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string? file in (string?[])[tls?.CaFile, tls?.ClientCertificateFile, tls?.ClientKeyFile])
        {
            hash.AppendData(SHA256.HashData(file is null ? [] : File.ReadAllBytes(file)));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
