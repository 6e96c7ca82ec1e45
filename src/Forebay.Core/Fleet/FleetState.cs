using System.Collections.Concurrent;
using System.Collections.Immutable;
using Forebay.Core.Access;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Quotas;
using Forebay.Core.Limits;
using Forebay.Core.Limits.Following;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Explain;
using Forebay.Core.Serving.Health;
using Forebay.Core.Serving.Links;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Queue;
using Forebay.Core.Serving.Rollout;
using Forebay.Core.Serving.Routing;

namespace Forebay.Core.Fleet;

/// <summary>
/// What the running server shares between its planes: the snapshot in force, the key ring in force, and the live
/// counters beside them. The snapshot and the ring are swapped whole; the counters stay.
/// </summary>
public sealed class FleetState
{
    private const int MostTables = 4096;

    private readonly ConcurrentDictionary<string, DeploymentState> _deployments = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, RouteLoad> _loads = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, OutputEstimate> _outputs = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, QuotaMeter> _quotas = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, InputCalibration> _inputs = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, SiteState> _sites = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, TenantLimits> _limits = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ModelQueue> _queues = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ServiceTally> _tallies = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, RetryBudget> _retries = new(StringComparer.Ordinal);
    private readonly Lock _ejections = new();
    private readonly Lock _swapping = new();
    private ConcurrentDictionary<EligibleSet, RouteTable> _tables = NoTables();
    private InForce _inForce = new(FleetModel.Empty, ExportMasks.None, VersionSplits.None);
    private KeyRing _keys = KeyRing.Empty;
    private int _draining;
    private TierMultipliers _multipliers = TierMultipliers.Promise;
    private LimitVersion? _announced;
    private int _hourOfWeek = -1;
    private MultipliedPlans _plans = MultipliedPlans.Promise;

    /// <summary>What decides where requests may go: one object until the snapshot or an export mask changes, so that
    /// one comparison tells whether a decision still stands.</summary>
    public InForce InForce => Volatile.Read(ref _inForce);

    /// <summary>The snapshot in force. Read it once per request.</summary>
    public FleetModel Model
    {
        get => InForce.Model;
        set
        {
            foreach (SiteConfig site in value.Config.Sites)
            {
                SiteOf(site).Follow(new SitePlace(site.Latitude, site.Longitude), value.Config.Regions);
            }

            lock (_swapping)
            {
                Volatile.Write(ref _plans, PlansOf(value));
                Swap(old => new InForce(value, old.Exports, old.Splits));
            }
        }
    }

    /// <summary>What the admin API denies of models.</summary>
    public ExportMasks Exports
    {
        get => InForce.Exports;
        set => Swap(old => new InForce(old.Model, value, old.Splits));
    }

    /// <summary>Which version of a model serves whom, for models that were rolled out.</summary>
    public VersionSplits Splits
    {
        get => InForce.Splits;
        set => Swap(old => new InForce(old.Model, old.Exports, value));
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

    /// <summary>Requests in flight at a deployment, also at one that is no longer in the fleet.</summary>
    public int InFlightAt(string deployment) =>
        _deployments.TryGetValue(deployment, out DeploymentState? state) ? state.InFlight : 0;

    /// <summary>What routing keeps about all deployments together.</summary>
    public RoutingMemory Routing { get; } = new();

    /// <summary>Load and speed of a deployment.</summary>
    public RouteLoad LoadOf(Deployment deployment) =>
        _loads.GetOrAdd(
            deployment.Id,
            static (_, a) => a.Self.Routing.Add(a.Of.Prior, a.Self.Of(a.Of)),
            (Self: this, Of: deployment));

    /// <summary>Call about once a second: speeds not observed and reports not renewed for a while are trusted less.
    /// </summary>
    public void RelaxSpeeds(long nowNs)
    {
        foreach (KeyValuePair<string, RouteLoad> load in _loads)
        {
            load.Value.Relax(nowNs);
        }
    }

    /// <summary>How long a model's answers are.</summary>
    public OutputEstimate OutputOf(ServedModel model) =>
        _outputs.GetOrAdd(model.Id, static _ => new OutputEstimate());

    /// <summary>What keeps requests to a deployment within the quota of its pool; null where it has none.</summary>
    public QuotaMeter? QuotaOf(Deployment deployment, long nowNs)
    {
        if (deployment.Pool.Quota is not { } config)
        {
            return null;
        }

        string pool = deployment.Pool.Id;
        return _quotas.TryGetValue(pool, out QuotaMeter? meter) && meter.Config == config
            ? meter
            : _quotas.AddOrUpdate(
                pool,
                static (_, made) => new QuotaMeter(made.Config, made.NowNs),
                static (_, old, made) => old.Config == made.Config ? old : new QuotaMeter(made.Config, made.NowNs),
                (Config: config, NowNs: nowNs));
    }

    /// <summary>How far a model's tokenizer is from what is estimated of prompts.</summary>
    public InputCalibration InputOf(ServedModel model) =>
        _inputs.GetOrAdd(model.Id, static _ => new InputCalibration());

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
    public RouteTable TableOf(EligibleSet eligible)
    {
        ConcurrentDictionary<EligibleSet, RouteTable> tables = Volatile.Read(ref _tables);
        if (tables.TryGetValue(eligible, out RouteTable? table))
        {
            return table;
        }

        if (tables.Count >= MostTables)
        {
            // Sets of what requests have not been tried at come and go.
            Interlocked.CompareExchange(ref _tables, NoTables(), tables);
        }

        return Volatile.Read(ref _tables)
            .GetOrAdd(eligible, static (set, self) => new RouteTable(set.Deployments, self), this);
    }

    /// <summary>A deployment's endpoint is another one: what was learned of the old one's speed and caches is left
    /// behind with it.</summary>
    public void ForgetSpeed(Deployment deployment)
    {
        if (_loads.TryRemove(deployment.Id, out _))
        {
            Volatile.Write(ref _tables, NoTables());
        }
    }

    private static ConcurrentDictionary<EligibleSet, RouteTable> NoTables() => new(ReferenceEqualityComparer.Instance);

    /// <summary>How many requests a deployment may serve at once now; the queue asks nowhere else.</summary>
    public int PlacesOf(Deployment deployment, long nowNs) =>
        Of(deployment).Places(deployment.Config.MaxConcurrency, nowNs);

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

    /// <summary>What became of a model's requests.</summary>
    public ServiceTally TallyOf(ServedModel model) => _tallies.GetOrAdd(model.Id, static _ => new ServiceTally());

    /// <summary>What became of all models' requests until now.</summary>
    public ServiceReading ReadService(long nowUnixMs) => new(
        nowUnixMs,
        _tallies.ToImmutableDictionary(t => t.Key, t => t.Value.Read(), StringComparer.Ordinal));

    /// <summary>Stories of requests, for reading back.</summary>
    public ExplainStore Explanations { get; } = new();

    /// <summary>Which account issued what conversations carry with them.</summary>
    public PinMap Pins { get; } = new();

    /// <summary>Retries that the fleet may still make.</summary>
    public RetryBudget Retries { get; } = new(RetryBudget.FleetReserveRetries);

    /// <summary>Retries that requests for a model may still make: one failing model does not use up all.</summary>
    public RetryBudget RetriesOf(ServedModel model) =>
        _retries.GetOrAdd(model.Id, static _ => new RetryBudget(RetryBudget.ReserveRetries));

    /// <summary>Counts a request towards the fleet's retries and its model's.</summary>
    public void DepositRetry(ServedModel model, double retriesPerRequest)
    {
        Retries.Deposit(retriesPerRequest);
        RetriesOf(model).Deposit(retriesPerRequest);
    }

    /// <summary>Takes one retry out, if both the model and the fleet have one.</summary>
    public bool TryWithdrawRetry(ServedModel model)
    {
        if (!RetriesOf(model).TryWithdraw())
        {
            return false;
        }

        if (Retries.TryWithdraw())
        {
            return true;
        }

        RetriesOf(model).Deposit(1);
        return false;
    }

    /// <summary>Takes a deployment out if the bound on what may be out of its model at once allows. One at a time, so
    /// that racing requests never pass the bound; rare, and O(n) in the model's deployments.</summary>
    public bool TryTakeOut(
        ServedModel model, Deployment deployment, OutCause cause, in FailedAttempt attempt, HealthRulesConfig rules)
    {
        lock (_ejections)
        {
            return HealthSweep.TryTakeOut(this, model, deployment, cause, attempt, rules);
        }
    }

    /// <summary>Multipliers of what tiers promise that hold now.</summary>
    public TierMultipliers Multipliers => Volatile.Read(ref _multipliers);

    /// <summary>Puts multipliers in force, from the next request on. What tenants used stays used.</summary>
    /// <param name="multipliers">The multipliers.</param>
    /// <param name="hourOfWeek">The hour that it is.</param>
    /// <param name="announced">The decision that is announced and not in effect yet.</param>
    public void Multiply(TierMultipliers multipliers, int hourOfWeek, LimitVersion? announced = null)
    {
        lock (_swapping)
        {
            Volatile.Write(ref _announced, announced);
            if (hourOfWeek == _hourOfWeek && ReferenceEquals(multipliers, _multipliers))
            {
                return;
            }

            _hourOfWeek = hourOfWeek;
            Volatile.Write(ref _multipliers, multipliers);
            Volatile.Write(ref _plans, PlansOf(Model));
        }
    }

    /// <summary>A decision on limits that is announced and not in effect yet.</summary>
    public LimitVersion? AnnouncedLimits => Volatile.Read(ref _announced);

    /// <summary>What a tenant is held to now: what its tier promises, multiplied.</summary>
    public LimitPlan PlanOf(Tenant tenant) => Volatile.Read(ref _plans).Of(tenant.Limits);

    private MultipliedPlans PlansOf(FleetModel model) => MultipliedPlans.Of(
        model.Config.Tiers, _multipliers, model.Config.Server.LimitsFollow.Limits, Math.Max(0, _hourOfWeek));

    /// <summary>What a tenant has used of its limits.</summary>
    public TenantLimits LimitsOf(Tenant tenant) =>
        _limits.GetOrAdd(tenant.Id, static _ => new TenantLimits());

    /// <summary>The same, but null for a tenant that used nothing yet.</summary>
    public TenantLimits? FindLimitsOf(string tenantId) => _limits.GetValueOrDefault(tenantId);

    private void Swap(Func<InForce, InForce> next)
    {
        lock (_swapping)
        {
            Volatile.Write(ref _inForce, next(_inForce));
            Volatile.Write(ref _tables, NoTables());
        }
    }
}
