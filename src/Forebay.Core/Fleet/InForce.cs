using Forebay.Core.Serving.Permission;

namespace Forebay.Core.Fleet;

/// <summary>
/// The snapshot and the export masks that hold together: what a request may do is decided on one of these, and again
/// before each attempt if it is not the one in force any more.
/// </summary>
/// <param name="model">The snapshot.</param>
/// <param name="exports">What the admin API denies of models.</param>
public sealed class InForce(FleetModel model, ExportMasks exports)
{
    public FleetModel Model => model;

    public ExportMasks Exports => exports;
}
