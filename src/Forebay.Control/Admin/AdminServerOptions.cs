using System.Net;
using Forebay.Control.Tls;

namespace Forebay.Control.Admin;

/// <summary>Where and how the admin API listens.</summary>
public sealed record AdminServerOptions
{
    /// <summary>Address and port; port 0 takes any free one. Loopback unless told otherwise.</summary>
    public IPEndPoint Listen { get; init; } = new(IPAddress.Loopback, 0);

    /// <summary>TLS; plain HTTP when null, with a warning when not on loopback. The caller disposes it.</summary>
    public ReloadingCertificate? Certificate { get; init; }

    /// <summary>
    /// Whether <c>/metrics</c> can be read without a token by callers on this machine; when null, only while the port
    /// is on loopback. Callers from elsewhere always need a token.
    /// </summary>
    public bool? LocalMetricsWithoutToken { get; init; }

    internal bool OpenLocalMetrics => LocalMetricsWithoutToken ?? IPAddress.IsLoopback(Listen.Address);
}
