using System.Collections.Concurrent;
using Forebay.Core.Access;
using Forebay.Core.Limits;
using Forebay.Core.Serving;

namespace Forebay.Core.Fleet;

/// <summary>
/// What the running server shares between its planes: the snapshot in force, the key ring in force, and the live
/// counters beside them. The snapshot and the ring are swapped whole; the counters stay.
/// </summary>
public sealed class FleetState
{
    private readonly ConcurrentDictionary<string, DeploymentState> _deployments = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, TenantLimits> _limits = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, WaitRoom> _rooms = new(StringComparer.Ordinal);
    private FleetModel _model = FleetModel.Empty;
    private KeyRing _keys = KeyRing.Empty;
    private int _draining;
    private int _waiting;

    /// <summary>The snapshot in force. Read it once per request.</summary>
    public FleetModel Model
    {
        get => Volatile.Read(ref _model);
        set => Volatile.Write(ref _model, value);
    }

    /// <summary>The key ring in force.</summary>
    public KeyRing Keys
    {
        get => Volatile.Read(ref _keys);
        set => Volatile.Write(ref _keys, value);
    }

    /// <summary>True once the server was told to stop: new requests are turned away.</summary>
    public bool Draining
    {
        get => Volatile.Read(ref _draining) != 0;
        set => Volatile.Write(ref _draining, value ? 1 : 0);
    }

    /// <summary>Requests waiting for capacity, over all models.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    public void ChangeWaiting(int delta) => Interlocked.Add(ref _waiting, delta);

    public DeploymentState Of(Deployment deployment) =>
        _deployments.GetOrAdd(deployment.Id, static id => new DeploymentState(id));

    /// <summary>Where requests for a model wait.</summary>
    public WaitRoom RoomOf(ServedModel model) => _rooms.GetOrAdd(model.Id, static _ => new WaitRoom());

    /// <summary>Wakes every waiting request: the fleet changed, or time passed that may have let a deployment back in.
    /// </summary>
    public void WakeWaiters()
    {
        foreach (KeyValuePair<string, WaitRoom> room in _rooms)
        {
            room.Value.WakeAll();
        }
    }

    /// <summary>Which account issued what conversations carry with them.</summary>
    public PinMap Pins { get; } = new();

    /// <summary>Retries that the fleet may still make.</summary>
    public RetryBudget Retries { get; } = new();

    /// <summary>The buckets of a tenant.</summary>
    public TenantLimits LimitsOf(Tenant tenant) =>
        _limits.GetOrAdd(tenant.Id, static (_, t) => new TenantLimits(), tenant);
}
