using System.Net;
using Forebay.Core.Config;

namespace Forebay.Core.Fleet;

/// <summary>Rules over the addresses of trusted proxies.</summary>
internal static class ProxyRules
{
    public static void Check(GatewayConfig gateway, List<ConfigProblem> problems)
    {
        for (int i = 0; i < gateway.TrustedProxies.Length; i++)
        {
            if (Parse(gateway.TrustedProxies[i]) is null)
            {
                problems.Add(new ConfigProblem(
                    $"server.gateway.trusted_proxies[{i}]",
                    $"{Words.Quote(gateway.TrustedProxies[i])} is no address and no network",
                    "Write 10.1.2.3, 10.0.0.0/8 or fd00::/8."));
            }
        }

        if (gateway.RegionHeader is not null && gateway.TrustedProxies.Length == 0)
        {
            problems.Add(new ConfigProblem(
                "server.gateway.region_header",
                "region_header is given, but nobody is trusted to send it",
                "Add trusted_proxies, or take region_header out."));
        }
    }

    /// <summary>An address stands for itself alone; null when it is neither an address nor a network.</summary>
    public static IPNetwork? Parse(string text) =>
        IPNetwork.TryParse(text, out IPNetwork network) ? network
        : IPAddress.TryParse(text, out IPAddress? address)
            ? new IPNetwork(address, address.GetAddressBytes().Length * 8)
        : null;
}
