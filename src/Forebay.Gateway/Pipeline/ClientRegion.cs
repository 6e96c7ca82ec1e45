using System.Net;
using Forebay.Core.Fleet;

namespace Forebay.Gateway.Pipeline;

/// <summary>Where a client is: what a trusted proxy in front says, else its tenant's region, else this server's.
/// </summary>
internal static class ClientRegion
{
    /// <summary>The region's number; negative when it is not known.</summary>
    public static int Of(Exchange x)
    {
        FleetModel fleet = x.Fleet;
        if (x.Settings.RegionHeader is { } header
            && x.Http.Request.Headers.TryGetValue(header, out var said)
            && x.Http.Connection.RemoteIpAddress is { } from
            && IsTrusted(fleet, from))
        {
            int region = fleet.RegionOf(said.ToString());
            if (region >= 0)
            {
                return region;
            }
        }

        return x.Tenant!.Region;
    }

    private static bool IsTrusted(FleetModel fleet, IPAddress from)
    {
        IPAddress address = from.IsIPv4MappedToIPv6 ? from.MapToIPv4() : from;
        foreach (IPNetwork network in fleet.TrustedProxies)
        {
            if (network.Contains(address))
            {
                return true;
            }
        }

        return false;
    }
}
