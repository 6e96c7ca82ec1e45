using System.Collections.Immutable;
using Forebay.Control.Replicas;
using Forebay.Core.Capacity.Placement;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Fleet;
using Phase = Forebay.Core.Capacity.Replicas.ReplicaPhase;

namespace Forebay.Control.Placement;

/// <summary>What a replica is to placement.</summary>
public enum ReplicaRole : byte
{
    /// <summary>Nothing runs, and nothing is to.</summary>
    Gone,

    /// <summary>It serves, or is thought to soon.</summary>
    Stands,

    /// <summary>It failed and tries again: it holds its accelerators, and nobody counts on it.</summary>
    Failing,

    /// <summary>It failed too often: it holds nothing, and its pool is left alone by its version for a while.</summary>
    GivenUp,

    /// <summary>It finishes what it has.</summary>
    Leaving,
}

/// <summary>The replicas as placement sees them at one time. Pure.</summary>
public sealed class ReplicaRoles
{
    /// <summary>How long a pool is left alone by a version whose replica was given up there.</summary>
    public static readonly TimeSpan AfterFailure = TimeSpan.FromHours(1);

    private readonly Dictionary<string, ReplicaStatus> _byId;
    private readonly Dictionary<string, ReplicaRole> _roles;

    /// <param name="standing">Every replica that is known.</param>
    /// <param name="fleet">The fleet in force: what failed is not given up once something else would be
    /// started.</param>
    /// <param name="emulator">How to start the engine emulator.</param>
    /// <param name="nowUnixMs">Now, by the replicas' clock.</param>
    public ReplicaRoles(
        IReadOnlyList<ReplicaStatus> standing, FleetConfig fleet, EmulatorProgram emulator, long nowUnixMs)
    {
        _byId = standing.ToDictionary(s => s.State.Id, StringComparer.Ordinal);
        _roles = standing.ToDictionary(
            s => s.State.Id, s => RoleOf(s, fleet, emulator, nowUnixMs), StringComparer.Ordinal);
        Alive = _byId.Values.Where(s => s.State.Phase is not (Phase.Stopped or Phase.Failed)).Select(s => s.State.Id)
            .ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Those of which anything runs, stops or is about to start.</summary>
    public HashSet<string> Alive { get; }

    public IEnumerable<ReplicaStatus> GivenUp => In(ReplicaRole.GivenUp);

    public IEnumerable<ReplicaStatus> Failing => In(ReplicaRole.Failing);

    public IEnumerable<ReplicaStatus> Leaving => In(ReplicaRole.Leaving);

    /// <summary>Those that hold accelerators.</summary>
    public IEnumerable<ReplicaStatus> Holding =>
        In(ReplicaRole.Stands).Concat(In(ReplicaRole.Failing)).Concat(In(ReplicaRole.Leaving));

    /// <summary>Where which version failed.</summary>
    public ImmutableArray<PoolBar> Barred =>
    [
        .. GivenUp.Concat(Failing)
            .Select(s => new PoolBar(s.State.Spec.Model, s.State.Spec.Version, s.State.Spec.Pool)).Distinct(),
    ];

    /// <summary>The fleet without the deployments that are replicas: placement decides on those itself.</summary>
    public static FleetConfig Without(FleetConfig fleet, IReadOnlyList<ReplicaStatus> standing)
    {
        var replicas = standing.Select(s => s.State.Id).ToHashSet(StringComparer.Ordinal);
        return Array.Exists(fleet.Deployments, d => replicas.Contains(d.Id))
            ? fleet with { Deployments = Array.FindAll(fleet.Deployments, d => !replicas.Contains(d.Id)) }
            : fleet;
    }

    public ReplicaStatus Of(string replica) => _byId[replica];

    public ReplicaRole RoleOf(string replica) => _roles[replica];

    /// <summary>A replica as the placer has it, but for its lease and age.</summary>
    public PlacementReplica AsPlaced(ReplicaStatus status) => new()
    {
        Id = status.State.Id,
        Model = status.State.Spec.Model,
        Version = status.State.Spec.Version,
        Build = status.State.Spec.Build,
        Pool = status.State.Spec.Pool,
        LeasedAccelerators = status.State.Spec.Resources.Accelerators,
        StartedUnixMs = status.State.SinceUnixMs,
        Phase = (_roles[status.State.Id], status.State.Phase) switch
        {
            (not ReplicaRole.Stands, _) => Core.Capacity.Placement.ReplicaPhase.Draining,
            (_, Phase.Planned or Phase.Fetching) => Core.Capacity.Placement.ReplicaPhase.Transferring,
            (_, Phase.Ready) => Core.Capacity.Placement.ReplicaPhase.Ready,

            // One that is replaced by its next generation stands again after its start.
            _ => Core.Capacity.Placement.ReplicaPhase.Warming,
        },
    };

    /// <summary>What is wanted of a replica that stays: what the fleet says now; but an engine that serves is not
    /// replaced because its build is written otherwise, since all of them would be at once.</summary>
    public ReplicaWanted OrderOf(ReplicaStatus status, FleetConfig fleet, EmulatorProgram emulator)
    {
        ReplicaWanted known = status.Wanted ?? status.State.Spec;
        ReplicaWanted? now = ReplicaOrder.Of(known, fleet, emulator);
        bool same = now is not null && now.Fingerprint() == known.Fingerprint();
        return now is not null && (same || _roles[status.State.Id] == ReplicaRole.Failing) ? now : known;
    }

    private static ReplicaRole RoleOf(ReplicaStatus status, FleetConfig fleet, EmulatorProgram emulator, long nowUnixMs)
    {
        ReplicaState state = status.State;
        return state switch
        {
            { Phase: Phase.Stopped } => ReplicaRole.Gone,
            { Phase: Phase.Failed } => IsGivenUp(state, fleet, emulator, nowUnixMs)
                ? ReplicaRole.GivenUp
                : ReplicaRole.Gone,
            { Held: true } or { Phase: Phase.Draining or Phase.Stopping, After: AfterStop.Stop } => ReplicaRole.Leaving,

            // One that has served gets a second try before others are started for it.
            { Phase: not Phase.Ready } when state.Failures > (state.WarmedGeneration > 0 ? 1 : 0) =>
                ReplicaRole.Failing,
            _ => ReplicaRole.Stands,
        };
    }

    private static bool IsGivenUp(ReplicaState state, FleetConfig fleet, EmulatorProgram emulator, long nowUnixMs) =>
        nowUnixMs - state.SinceUnixMs < AfterFailure.TotalMilliseconds
        && ReplicaOrder.Of(state.Spec, fleet, emulator) is { } now && now.Fingerprint() == state.Spec.Fingerprint();

    private IEnumerable<ReplicaStatus> In(ReplicaRole role) => _byId.Values.Where(s => _roles[s.State.Id] == role);
}
