using Forebay.Control.Withdrawals;
using Forebay.Gateway.Upstreams;

namespace Forebay.Serve;

/// <summary>Lets the control plane cut the gateway's connections.</summary>
internal sealed class ConnectionCut(UpstreamSet upstreams) : IConnectionCut
{
    public int Cut(IReadOnlyCollection<string> deploymentIds) => upstreams.Cut(deploymentIds);

    public void Restore(IReadOnlyCollection<string> deploymentIds) => upstreams.Restore(deploymentIds);
}
