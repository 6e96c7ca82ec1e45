using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Withdrawals;
using Forebay.Core.Serving;

namespace Forebay.Core.Fleet.Managed;

/// <summary>
/// What one owner adds to the fleet through the API: the same records that the fleet file holds. The arrays are never
/// changed in place.
/// </summary>
public sealed record ManagedPart
{
    public static ManagedPart Empty { get; } = new();

    public ConcentrationGroupConfig[] ConcentrationGroups { get; init; } = [];

    public ProviderConfig[] Providers { get; init; } = [];

    public SiteConfig[] Sites { get; init; } = [];

    public CommitmentConfig[] Commitments { get; init; } = [];

    public PoolConfig[] Pools { get; init; } = [];

    public DeploymentConfig[] Deployments { get; init; } = [];

    /// <summary>Capacity that serves nothing new now.</summary>
    public Withdrawal[] Withdrawals { get; init; } = [];

    /// <summary>How many objects it holds.</summary>
    public int Count => ConcentrationGroups.Length + Providers.Length + Sites.Length + Commitments.Length
        + Pools.Length + Deployments.Length + Withdrawals.Length;

    /// <summary>The part with a deployment put in, in the place of one with its id. Cost: a copy of the deployments.
    /// </summary>
    public ManagedPart With(DeploymentConfig deployment)
    {
        int at = Array.FindIndex(Deployments, d => d.Id == deployment.Id);
        if (at < 0)
        {
            return this with { Deployments = [.. Deployments, deployment] };
        }

        var deployments = (DeploymentConfig[])Deployments.Clone();
        deployments[at] = deployment;
        return this with { Deployments = deployments };
    }

    /// <summary>The part without a deployment; itself where it is not there.</summary>
    public ManagedPart WithoutDeployment(string id) => Array.Exists(Deployments, d => d.Id == id)
        ? this with { Deployments = Array.FindAll(Deployments, d => d.Id != id) }
        : this;
}
