using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace Forebay.Core.Fleet;

/// <summary>An address and port to listen on, as <see cref="ListenerConfig.Listen"/> holds it.</summary>
public static class ListenAddress
{
    /// <summary>
    /// Reads <c>127.0.0.1:8080</c>, <c>[::1]:8080</c>, <c>localhost:8080</c> (loopback) or <c>*:8080</c> (every
    /// address, IPv6 and IPv4). The port is always given; 0 takes any free one.
    /// </summary>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out IPEndPoint? address)
    {
        address = null;
        int colon = text?.LastIndexOf(':') ?? -1;
        if (colon <= 0 || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture,
            out ushort port))
        {
            return false;
        }

        string host = text![..colon];
        IPAddress? ip = host switch
        {
            "localhost" => IPAddress.Loopback,
            "*" => IPAddress.IPv6Any,
            ['[', .. var inner, ']'] when inner.Contains(':') =>
                IPAddress.TryParse(inner, out IPAddress? v6) ? v6 : null,
            _ when host.Contains(':') || host.Contains('[') || host.Count(c => c == '.') != 3 => null,
            _ => IPAddress.TryParse(host, out IPAddress? v4) ? v4 : null,
        };
        address = ip is null ? null : new IPEndPoint(ip, port);
        return address is not null;
    }
}
