using Forebay.Core.Config;
using Forebay.Core.Fleet.Managed;

namespace Forebay.Control.FleetFile;

/// <summary>
/// The part of the fleet that the API manages, for control loops and services: each owns a part under its name and
/// changes that alone. Changes and reloads of the file are made one after another, so none is lost; requests in flight
/// keep the snapshot and the connections they have, as with a reload.
/// </summary>
public interface IManagedFleet
{
    /// <summary>What is in force.</summary>
    ManagedObjects Managed { get; }

    /// <summary>What would be wrong with the fleet if the API managed this instead; changes nothing.</summary>
    IReadOnlyList<ConfigProblem> Check(Func<ManagedObjects, ManagedObjects> change);

    /// <summary>
    /// Changes an owner's part, after the audit log says so, and puts the fleet in force. Cost: one entry of the audit
    /// log (a synced write), then linear in the objects of the whole fleet.
    /// </summary>
    /// <param name="owner">Whose part: <c>partner/ID</c>, <c>replicas</c>.</param>
    /// <param name="change">From the part in force to the next one; runs with no other change in between. The same
    /// object back means that there is nothing to do.</param>
    /// <param name="actor">Who changes it, for the audit log.</param>
    /// <param name="cancel">Gives up waiting for changes before this one.</param>
    /// <returns>Problems; when there are any, nothing changed, and the audit log says that too.</returns>
    Task<IReadOnlyList<ConfigProblem>> ApplyManagedAsync(
        string owner,
        Func<ManagedPart, ManagedPart> change,
        string actor,
        CancellationToken cancel);
}
