using System.Collections.Immutable;
using Forebay.Core.Capacity;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Engine;

namespace Forebay.Simulation.Cells;

/// <summary>A deployment as the simulator builds it.</summary>
/// <param name="Deployment">As the router sees it.</param>
/// <param name="Engine">Its engines.</param>
/// <param name="Replicas">How many.</param>
internal sealed record DeploymentSpec(Deployment Deployment, EngineParameters Engine, int Replicas);

/// <summary>
/// The part of a fleet that serves one model, as a cell sees it: the compiled snapshot that the live gateway would use,
/// and the engines that the emulator would run behind it.
/// </summary>
public sealed class CellFleet
{
    private static readonly Uri Nowhere = new("http://simulated.invalid");

    private CellFleet(
        FleetModel snapshot,
        ServedModel model,
        ImmutableArray<Tenant> tenants,
        ImmutableArray<DeploymentSpec> deployments)
    {
        Snapshot = snapshot;
        Model = model;
        Tenants = tenants;
        Deployments = deployments;
    }

    /// <summary>The snapshot in force.</summary>
    public FleetModel Snapshot { get; }

    public ServedModel Model { get; }

    /// <summary>In the order of the fleet file.</summary>
    public ImmutableArray<Tenant> Tenants { get; }

    /// <summary>In the order of the model's list.</summary>
    internal ImmutableArray<DeploymentSpec> Deployments { get; }

    /// <summary>Builds the cell of a model.</summary>
    /// <param name="config">A fleet that the validator accepted.</param>
    /// <param name="modelId">The model; null for the first of the file.</param>
    /// <exception cref="ArgumentException">The fleet has no such model, tenant, or engine that works; says all that is
    /// wrong.</exception>
    public static CellFleet Build(FleetConfig config, string? modelId = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        var fleet = FleetModel.Build(config, config.Deployments.ToDictionary(d => d.Id, _ => Nowhere));
        ServedModel model = (modelId is null ? fleet.Models.FirstOrDefault() : fleet.FindModel(modelId))
            ?? throw new ArgumentException(modelId is null
                ? "The fleet serves no model."
                : $"The fleet has no model {modelId}; it has {string.Join(", ", fleet.Models.Select(m => m.Id))}.");
        var problems = new List<string>();
        var deployments = model.Deployments
            .Select(d => SpecOf(d, model, problems))
            .OfType<DeploymentSpec>()
            .ToImmutableArray();
        if (model.Deployments.IsEmpty)
        {
            problems.Add($"No deployment serves {model.Id}.");
        }

        if (config.Tenants.Length == 0)
        {
            problems.Add("The fleet has no tenant.");
        }

        return problems.Count == 0
            ? new CellFleet(fleet, model, [.. config.Tenants.Select(t => fleet.FindTenant(t.Id)!)], deployments)
            : throw new ArgumentException(string.Join(Environment.NewLine, problems));
    }

    private static DeploymentSpec? SpecOf(Deployment deployment, ServedModel model, List<string> problems)
    {
        if (deployment.Pool.Accelerators?.Type is not { } type
            || AcceleratorCatalogue.BuiltIn.Find(type) is not { } accelerator)
        {
            problems.Add($"Deployment {deployment.Id} runs on no accelerators of the catalogue: "
                + "only such engines can be simulated.");
            return null;
        }

        try
        {
            var engine = EngineParameters.For(accelerator, model.Config, deployment.Config.AcceleratorsPerReplica);
            return new DeploymentSpec(deployment, engine, deployment.Config.Replicas);
        }
        catch (ArgumentException e)
        {
            problems.Add($"Deployment {deployment.Id}: {e.Message}");
            return null;
        }
    }
}
