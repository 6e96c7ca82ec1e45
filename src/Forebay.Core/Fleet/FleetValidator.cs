using System.Collections.Frozen;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Concentration;
using Forebay.Core.Config;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Versions;

namespace Forebay.Core.Fleet;

/// <summary>
/// Everything a configuration must hold before <see cref="FleetModel.Build"/> may compile it. Reports every problem at
/// once. The rules stand beside their concepts; this is their table of contents.
/// </summary>
public static class FleetValidator
{
    /// <summary>Checks a configuration. Cost: linear in its values, apart from spelling suggestions.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="knownAccelerators">Types in the accelerator catalogue.</param>
    /// <returns>The problems, none if the configuration may be used.</returns>
    public static IReadOnlyList<ConfigProblem> Validate(
        FleetConfig config,
        IReadOnlySet<string> knownAccelerators) => Validate(config, knownAccelerators, FrozenSet<string>.Empty);

    /// <summary>Checks a fleet file together with what the API manages: what holds of the file alone was checked when
    /// it was read, and capacity is given to the rest by the ledger.</summary>
    public static IReadOnlyList<ConfigProblem> ValidateWhole(
        FleetConfig config, IReadOnlySet<string> knownAccelerators) =>
        Validate(config, knownAccelerators, FrozenSet<string>.Empty, isWhole: true);

    /// <summary>Checks a configuration that may have been read in part only.</summary>
    /// <param name="config">The configuration; text that could not be read is empty.</param>
    /// <param name="knownAccelerators">Types in the accelerator catalogue.</param>
    /// <param name="unread">Sections, such as <c>sites</c>, whose ids could not all be read: what refers to them is not
    /// judged, so that one slip is not reported a hundred times.</param>
    /// <returns>The problems.</returns>
    public static IReadOnlyList<ConfigProblem> Validate(
        FleetConfig config,
        IReadOnlySet<string> knownAccelerators,
        IReadOnlySet<string> unread) => Validate(config, knownAccelerators, unread, isWhole: false);

    private static List<ConfigProblem> Validate(
        FleetConfig config,
        IReadOnlySet<string> knownAccelerators,
        IReadOnlySet<string> unread,
        bool isWhole)
    {
        var problems = new List<ConfigProblem>();
        var index = new FleetIndex(config);

        // 1. What each key obeys by its declaration: range, pattern, figures, secrets.
        KeyRules.Check(config, problems);

        // 2. Ids are unique and what is named is there.
        ReferenceRules.Check(config, unread, problems);

        // 3. What keys must be to each other, by concept.
        ServerRules.Check(config.Server, problems);
        CapacityRules.Check(index, knownAccelerators, problems);
        CommitmentRules.Check(index, problems);
        ConcentrationRules.Check(config, problems);
        ModelRules.Check(config, problems);
        VersionRules.Check(index, knownAccelerators, problems);
        DeploymentRules.Check(index, isWhole, problems);
        LimitRules.Check(config, problems);
        TenantRules.Check(index, problems);
        PlaceRules.Check(index, problems);
        return problems;
    }
}
