using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;
using Forebay.Core.Serving.Versions;

namespace Forebay.Core.Capacity.Placement;

/// <summary>Makes the deployment that a placed replica is served as.</summary>
public static class ReplicaDeployment
{
    /// <summary>A deployment of one replica, as the fleet file would hold it.</summary>
    /// <param name="decision">The decision that started or keeps it.</param>
    /// <param name="fleet">The fleet; tells the build.</param>
    /// <param name="endpoint">Where the replica answers; null while it does not.</param>
    /// <returns>Null where the fleet no longer has the model, version or build.</returns>
    public static DeploymentConfig? ToConfig(PlacementDecision decision, FleetConfig fleet, Uri? endpoint) =>
        ToConfig(decision.ReplicaId, decision.Model, decision.Version, decision.Build, decision.Pool, fleet, endpoint);

    /// <summary>A deployment of one replica, by the names in its decision.</summary>
    public static DeploymentConfig? ToConfig(
        string replicaId, string model, string version, string build, string pool, FleetConfig fleet, Uri? endpoint)
    {
        ModelBuildConfig? of = FindBuild(fleet, model, version, build);
        return of is null ? null : new DeploymentConfig
        {
            Id = replicaId,
            Model = model,
            Pool = pool,
            Replicas = 1,
            AcceleratorsPerReplica = of.AcceleratorsPerReplica,
            Dialects = of.Engine.Dialects,
            Endpoint = endpoint,
            Backing = endpoint is null ? null : of.Engine.Emulated is null ? Backing.Real : Backing.Emulated,
            UpstreamModel = model,
            ModelVersion = version,
            MaxConcurrency = of.MaxConcurrency,
            Health = new DeploymentHealthConfig
            {
                ProbePath = of.Engine.HealthPath,
                MetricsPath = of.Engine.MetricsPath,
            },
        };
    }

    /// <summary>Finds a build by its names; null where there is none.</summary>
    public static ModelBuildConfig? FindBuild(FleetConfig fleet, string model, string version, string build) =>
        Array.Find(
            Array.Find(
                Array.Find(fleet.Models, m => m.Id == model)?.Versions ?? [], v => v.Id == version)?.Builds ?? [],
            b => b.Id == build);
}
