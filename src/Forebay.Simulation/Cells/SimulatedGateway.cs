using System.Collections.Immutable;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Queue;
using Forebay.Core.Time;
using Forebay.Core.Usage;
using Forebay.Simulation.Events;

namespace Forebay.Simulation.Cells;

/// <summary>What a cell keeps of a request under way.</summary>
internal struct ServedRequest
{
    public int Deployment;
    public int Region;
    public SimulatedReplica? Replica;
    public int CachedTokens;
    public int OutputTokens;
    public LimitReservation Reservation;
    public EligibleSet Eligible;
    public ServiceMeter Service;
    public Waiter? Waiter;
}

/// <summary>
/// The gateway's steps 4 to 10 in virtual time: police, reserve, queue, route, forward, settle, through the classes
/// that the live gateway calls and in its order. No decision is made here.
/// </summary>
internal sealed class SimulatedGateway : IEventTarget
{
    public const int FirstToken = 1;
    public const int Finished = 2;
    private const int Arrive = 0;
    private const int Granted = 3;
    private const int Expired = 4;
    private const int Displaced = 5;
    private const int TendQueue = 6;
    private const int EachSecond = 7;
    private const int Progress = 8;
    private const int Reports = 9;

    private readonly CellSpec _spec;
    private readonly EventLoop _loop;
    private readonly FleetState _state = new();
    private readonly ServedModel _model;
    private readonly ImmutableArray<Tenant> _tenants;
    private readonly CellRouter _router;
    private readonly ICellObserver _observer;
    private readonly ServedRequest[] _served;
    private readonly ImmutableArray<SimulatedDeployment> _deployments;
    private int _ended;

    public SimulatedGateway(CellSpec spec, EventLoop loop, ICellObserver observer)
    {
        _spec = spec;
        _state.Model = spec.Fleet.Snapshot;
        _loop = loop;
        _observer = observer;
        _model = spec.Fleet.Model;
        _tenants = spec.Fleet.Tenants;
        Requests = spec.Arrivals;
        _served = new ServedRequest[Requests.Length];
        _deployments = [.. spec.Fleet.Deployments.Select(d => new SimulatedDeployment(d, loop, this, _state))];
        _router = new CellRouter(spec, _state, _deployments);
        if (Requests.Length > 0)
        {
            _loop.At(Requests[0].AtNs, this, Arrive, 0);
            _loop.After(Instant.NsPerSecond, this, EachSecond, 0);
            for (int i = 0; i < _deployments.Length && spec.EngineReports; i++)
            {
                // As the live gateway does: each somewhere within its interval, so that not all are asked at once.
                _loop.After((long)(ReportIntervalNs(i) * ((i + 0.5) / _deployments.Length)), this, Reports, i);
            }
        }
    }

    public CellArrival[] Requests { get; }

    public IReadOnlyList<SimulatedDeployment> Deployments => _deployments;

    public ref ServedRequest Served(long request) => ref _served[request];

    private ModelQueue Queue => _state.QueueOf(_model);

    /// <summary>A waiting request is told something: it acts on it at the same virtual time, outside the queue.
    /// </summary>
    public void Tell(int request, QueueNotice notice) => _loop.After(
        0,
        this,
        notice switch
        {
            QueueNotice.Granted => Granted,
            QueueNotice.Expired => Expired,
            QueueNotice.Displaced => Displaced,
            _ => throw new InvalidOperationException("The fleet of a cell does not change."),
        },
        request);

    /// <summary>Takes a place by the router.</summary>
    public Deployment? Route(int request, EligibleSet among)
    {
        int deployment = _router.TryEnter(
            request, Requests[request].Request, among, _served[request].Region, _loop.Now);
        _served[request].Deployment = deployment;
        return deployment < 0 ? null : _model.Deployments[deployment];
    }

    public void Undo(int request) => _router.Undo(request);

    void IEventTarget.Handle(int kind, long subject, Instant now)
    {
        int request = (int)subject;
        switch (kind)
        {
            case Arrive:
                if (request + 1 < Requests.Length)
                {
                    _loop.At(Requests[request + 1].AtNs, this, Arrive, request + 1);
                }

                Accept(request, now);
                break;
            case FirstToken:
                _router.FirstToken(request, now);
                _observer.FirstToken(request, _served[request].Deployment, _served[request].CachedTokens, now);
                Charge(request, now);
                break;
            case Progress:
                Charge(request, now);
                break;
            case Finished:
                Settle(request, now);
                break;
            case Granted:
                Start(request, now);
                break;
            case Expired:
                Refuse(request, Reason.QueueTimeout, now);
                break;
            case Displaced:
                Refuse(request, Reason.Overloaded, now);
                break;
            case TendQueue:
                Queue.Expire(now.MonotonicNs);
                break;
            case EachSecond:
                _state.RelaxSpeeds(now.MonotonicNs);
                if (_ended < Requests.Length)
                {
                    _loop.After(Instant.NsPerSecond, this, EachSecond, 0);
                }

                break;
            case Reports:
                _router.Report(request, now, ReportIntervalNs(request));
                if (_ended < Requests.Length)
                {
                    _loop.After(ReportIntervalNs(request), this, Reports, request);
                }

                break;
            default:
                throw new InvalidOperationException($"The gateway knows no event {kind}.");
        }
    }

    private long ReportIntervalNs(int deployment) =>
        (long)(_model.Deployments[deployment].Config.Health.IntervalSeconds * Instant.NsPerSecond);

    private void Accept(int request, Instant now)
    {
        _observer.Arrived(request, now);
        CellRequest what = Requests[request].Request;
        Tenant tenant = _tenants[what.Tenant];
        _served[request].Region = tenant.Region;
        var asked = new RoutingRequest(RequestNeeds.None, what.InputTokens, what.OutputTokens);
        Reason barred = _model.Eligibility.Police(tenant, asked, out _served[request].Eligible);
        if (barred != Reason.None)
        {
            End(request, barred, now);
            return;
        }

        LimitDecision limit = _state.LimitsOf(tenant).Reserve(
            tenant.Limits,
            new LimitRequest(
                _model.Id, _model.LimitClass, what.InputTokens, what.OutputTokens, _model.Prices.At(now.WallUnixMs)),
            now);
        if (limit.Reason != Reason.None)
        {
            End(request, limit.Reason, now);
            return;
        }

        _served[request].Reservation = limit.Reservation;
        if (Queue.Count == 0 && Route(request, _served[request].Eligible) is not null)
        {
            _served[request].Service = Queue.Admit(tenant, what.InputTokens);
            Start(request, now);
            return;
        }

        Wait(request, tenant, now);
    }

    private void Wait(int request, Tenant tenant, Instant now)
    {
        long deadlineNs = _spec.MaxWaitSeconds < double.PositiveInfinity
            ? now.MonotonicNs + (long)(_spec.MaxWaitSeconds * Instant.NsPerSecond)
            : long.MaxValue;
        var waiter = new Waiter(this, request);
        waiter.Prepare(
            Queue.CounterOf(tenant),
            tenant.Tier.Priority,
            _served[request].Eligible,
            Requests[request].Request.InputTokens,
            deadlineNs);
        GatewayConfig settings = _state.Model.Config.Server.Gateway with { MaxWaiting = _spec.MaxWaiting };
        QueueAnswer answer = Queue.Enter(waiter, settings, now.MonotonicNs);
        if (answer is QueueAnswer.TooLate or QueueAnswer.Full)
        {
            Refuse(request, Reason.Overloaded, now);
            return;
        }

        _served[request].Waiter = waiter;
        if (answer == QueueAnswer.Entered)
        {
            Start(request, now);
        }
        else if (deadlineNs != long.MaxValue)
        {
            _loop.At(deadlineNs, this, TendQueue, request);
        }
    }

    private void Start(int request, Instant now)
    {
        ref ServedRequest served = ref _served[request];
        if (served.Waiter is { } waited)
        {
            served.Service = ServiceMeter.Open(Queue, waited.Counter, waited.InputTokens, waited.Lifts);
            served.Waiter = null;
        }

        _observer.Placed(request, served.Deployment, now);
        _deployments[served.Deployment].Send(request, Requests[request].Request);
    }

    /// <summary>Charges the output so far, and again after a while; the engine's end of it is charged as it is settled.
    /// </summary>
    private void Charge(int request, Instant now)
    {
        ref ServedRequest served = ref _served[request];
        if (_spec.ProgressMs > 0 && served.OutputTokens == 0)
        {
            served.Service.Produced(_deployments[served.Deployment].TokensBy(request, now));
            _loop.After((long)(_spec.ProgressMs * Instant.NsPerMs), this, Progress, request);
        }
    }

    private void Settle(int request, Instant now)
    {
        CellRequest what = Requests[request].Request;
        ref ServedRequest served = ref _served[request];
        Tenant tenant = _tenants[what.Tenant];
        var tokens = new TokenUsage(
            what.InputTokens - served.CachedTokens, served.CachedTokens, 0, served.OutputTokens);
        _state.LimitsOf(tenant).Settle(
            served.Reservation,
            new LimitUse(tokens.Input, tokens.Output, _model.Prices.At(now.WallUnixMs).Of(tokens), Complete: true),
            now);
        served.Service.Settle(what.InputTokens - served.CachedTokens, served.OutputTokens);
        Deployment at = _model.Deployments[served.Deployment];
        Queue.Served(at, now.MonotonicNs - _router.SentNs(request), now.MonotonicNs);
        _ended++;
        _observer.Finished(request, served.Deployment, served.OutputTokens, now);
        _router.Finished(request, what, served.CachedTokens, now);
    }

    /// <summary>Turns away what had a reservation.</summary>
    private void Refuse(int request, Reason reason, Instant now)
    {
        Tenant tenant = _tenants[Requests[request].Request.Tenant];
        _state.LimitsOf(tenant).Settle(_served[request].Reservation, default, now);
        End(request, reason, now);
    }

    private void End(int request, Reason reason, Instant now)
    {
        _ended++;
        _observer.Refused(request, reason, now);
    }
}

/// <summary>A request that waits.</summary>
internal sealed class Waiter(SimulatedGateway gateway, int request) : QueueWaiter
{
    public override Deployment? Route(EligibleSet among, long nowNs) => gateway.Route(request, among);

    public override void Undo() => gateway.Undo(request);

    public override void Notify(QueueNotice notice) => gateway.Tell(request, notice);
}
