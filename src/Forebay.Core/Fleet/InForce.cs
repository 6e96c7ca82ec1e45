using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Rollout;

namespace Forebay.Core.Fleet;

/// <summary>
/// The snapshot, the export masks and the versions that hold together: what a request may do is decided on one of
/// these, and again before each attempt if it is not the one in force any more.
/// </summary>
/// <param name="model">The snapshot.</param>
/// <param name="exports">What the admin API denies of models.</param>
/// <param name="splits">Which version of a model serves whom.</param>
public sealed class InForce(FleetModel model, ExportMasks exports, VersionSplits splits)
{
    public FleetModel Model => model;

    public ExportMasks Exports => exports;

    public VersionSplits Splits => splits;
}
