using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Forebay.Core.Access;
using Forebay.Core.Capacity;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Links;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Queue;
using Forebay.Core.Serving.Routing;

namespace Forebay.Core.Fleet;

/// <summary>
/// What the running server shares between its planes: the snapshot in force, the key ring in force, and the live
/// counters beside them. The snapshot and the ring are swapped whole; the counters stay.
/// </summary>
public sealed class FleetState
{
    private readonly ConcurrentDictionary<string, DeploymentState> _deployments = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, RouteLoad> _loads = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, OutputEstimate> _outputs = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, SiteState> _sites = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, TenantLimits> _limits = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ModelQueue> _queues = new(StringComparer.Ordinal);
    private ConcurrentDictionary<EligibleSet, RouteTable> _tables = new(ReferenceEqualityComparer.Instance);
    private FleetModel _model = FleetModel.Empty;
    private KeyRing _keys = KeyRing.Empty;
    private int _draining;

    /// <summary>The snapshot in force. Read it once per request.</summary>
    public FleetModel Model
    {
        get => Volatile.Read(ref _model);
        set
        {
            foreach (SiteConfig site in value.Config.Sites)
            {
                SiteOf(site).Follow(new SitePlace(site.Latitude, site.Longitude), value.Config.Regions);
            }

            Volatile.Write(ref _model, value);
            Volatile.Write(
                ref _tables, new ConcurrentDictionary<EligibleSet, RouteTable>(ReferenceEqualityComparer.Instance));
        }
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
    public int Waiting
    {
        get
        {
            int waiting = 0;
            foreach (KeyValuePair<string, ModelQueue> queue in _queues)
            {
                waiting += queue.Value.Count;
            }

            return waiting;
        }
    }

    public DeploymentState Of(Deployment deployment) =>
        _deployments.GetOrAdd(deployment.Id, static id => new DeploymentState(id));

    /// <summary>What routing keeps about all deployments together.</summary>
    public RoutingMemory Routing { get; } = new();

    /// <summary>Load and speed of a deployment.</summary>
    public RouteLoad LoadOf(Deployment deployment) =>
        _loads.GetOrAdd(deployment.Id, static (_, a) => a.Routing.Add(a.Prior), (Routing, deployment.Prior));

    /// <summary>Call about once a second: speeds not observed for a while are trusted less.</summary>
    public void RelaxSpeeds()
    {
        foreach ((string id, RouteLoad load) in _loads)
        {
            load.Relax(_deployments.TryGetValue(id, out DeploymentState? state) ? state.InFlight : 0);
        }
    }

    /// <summary>How long a model's answers are.</summary>
    public OutputEstimate OutputOf(ServedModel model) =>
        _outputs.GetOrAdd(model.Id, static _ => new OutputEstimate());

    /// <summary>The way to a site.</summary>
    public SiteState SiteOf(SiteConfig site) => _sites.GetOrAdd(site.Id, static id => new SiteState(id));

    /// <summary>A round trip from this server to a site was measured.</summary>
    public void Measured(string site, TimeSpan roundTrip)
    {
        if (_sites.TryGetValue(site, out SiteState? state))
        {
            state.Measured(Model.ServerRegion, roundTrip.TotalNanoseconds);
        }
    }

    /// <summary>The candidates of an eligible set, laid out for the router.</summary>
    public RouteTable TableOf(EligibleSet eligible) => Volatile.Read(ref _tables)
        .GetOrAdd(eligible, static (set, self) => new RouteTable(set.Deployments, self), this);

    /// <summary>How many requests a deployment may serve at once now; the queue asks nowhere else.</summary>
    [SuppressMessage("Performance", "CA1822", Justification = "A deployment's live state may take places away.")]
    public int PlacesOf(Deployment deployment, long nowNs) => deployment.Config.MaxConcurrency;

    /// <summary>Where requests for a model wait.</summary>
    public ModelQueue QueueOf(ServedModel model) =>
        _queues.TryGetValue(model.Id, out ModelQueue? queue)
            ? queue
            : _queues.GetOrAdd(model.Id, static (_, fleet) => new ModelQueue(fleet), this);

    /// <summary>Another fleet is in force: every waiting request sees what it may use now.</summary>
    public void WakeWaiters()
    {
        foreach (KeyValuePair<string, ModelQueue> queue in _queues)
        {
            queue.Value.FleetChanged();
        }
    }

    /// <summary>Time passed: sends those away who waited until their deadline, and hands out places of deployments that
    /// are back or take more. Nothing while nobody waits.</summary>
    /// <returns>The next deadline; <see cref="long.MaxValue"/> for none.</returns>
    public long TendQueues(long nowNs)
    {
        long next = long.MaxValue;
        foreach (KeyValuePair<string, ModelQueue> queue in _queues)
        {
            if (queue.Value.Count == 0)
            {
                continue;
            }

            queue.Value.Expire(nowNs);
            if (Model.FindModel(queue.Key) is { } model)
            {
                queue.Value.Offer(model, nowNs);
            }

            next = Math.Min(next, queue.Value.NextDeadlineNs);
        }

        return next;
    }

    /// <summary>Retries that the fleet may still make.</summary>
    public RetryBudget Retries { get; } = new();

    /// <summary>The buckets of a tenant.</summary>
    public TenantLimits LimitsOf(Tenant tenant) =>
        _limits.GetOrAdd(tenant.Id, static (_, t) => new TenantLimits(), tenant);
}
