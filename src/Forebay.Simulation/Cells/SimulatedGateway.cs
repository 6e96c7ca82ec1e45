using System.Collections.Immutable;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Time;
using Forebay.Core.Usage;
using Forebay.Simulation.Events;

namespace Forebay.Simulation.Cells;

/// <summary>What a cell keeps of a request under way.</summary>
internal struct ServedRequest
{
    public int Deployment;
    public int Region;
    public int CachedTokens;
    public int OutputTokens;
    public LimitReservation Reservation;
    public EligibleSet Eligible;
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
    private const int Woken = 3;
    private const int WaitedTooLong = 4;
    private const int EachSecond = 5;

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
        }
    }

    public CellArrival[] Requests { get; }

    public IReadOnlyList<SimulatedDeployment> Deployments => _deployments;

    public ref ServedRequest Served(long request) => ref _served[request];

    public void Wake(Waiter waiter) => _loop.After(0, this, Woken, waiter.Request);

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
                break;
            case Finished:
                Settle(request, now);
                break;
            case Woken:
                TryAgain(request, now);
                break;
            case WaitedTooLong:
                GiveUp(request, now);
                break;
            case EachSecond:
                _state.RelaxSpeeds();
                if (_ended < Requests.Length)
                {
                    _loop.After(Instant.NsPerSecond, this, EachSecond, 0);
                }

                break;
            default:
                throw new InvalidOperationException($"The gateway knows no event {kind}.");
        }
    }

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
        WaitRoom room = _state.RoomOf(_model);
        if (room.Competes(_served[request].Eligible.Deployments.AsSpan()) || !TryPlace(request, now))
        {
            Queue(request, room, now);
        }
    }

    private void Queue(int request, WaitRoom room, Instant now)
    {
        var waiter = new Waiter(this, request, _served[request].Eligible);
        if (room.TryEnter(waiter, _spec.MaxWaiting) is not { } place)
        {
            Refuse(request, Reason.Overloaded, now);
            return;
        }

        waiter.Place = place;
        _served[request].Waiter = waiter;
        if (_spec.MaxWaitSeconds < double.PositiveInfinity)
        {
            _loop.After((long)(_spec.MaxWaitSeconds * Instant.NsPerSecond), this, WaitedTooLong, request);
        }

        if (room.IsFirst(place))
        {
            waiter.Wake();
        }
    }

    private void TryAgain(int request, Instant now)
    {
        if (_served[request].Waiter is { } waiter)
        {
            waiter.IsWoken = false;
            if (TryPlace(request, now))
            {
                LeaveRoom(request);
            }
        }
    }

    private void GiveUp(int request, Instant now)
    {
        if (_served[request].Waiter is not null)
        {
            LeaveRoom(request);
            Refuse(request, Reason.QueueTimeout, now);
        }
    }

    private void LeaveRoom(int request)
    {
        WaitRoom room = _state.RoomOf(_model);
        room.Leave(_served[request].Waiter!.Place!);
        _served[request].Waiter = null;

        // As the live gateway does: a wake-up that came too late, or for more places than one, is handed on.
        room.WakeFirst();
    }

    private bool TryPlace(int request, Instant now)
    {
        CellRequest what = Requests[request].Request;
        ref ServedRequest served = ref _served[request];
        int deployment = _router.TryEnter(request, what, served.Eligible, served.Region, now);
        if (deployment < 0)
        {
            return false;
        }

        served.Deployment = deployment;
        _observer.Placed(request, deployment, now);
        _deployments[deployment].Send(request, what);
        return true;
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
        _router.Finished(request, what, served.CachedTokens, now);
        _ended++;
        _observer.Finished(request, served.Deployment, served.OutputTokens, now);
        _state.RoomOf(_model).Freed(_model.Deployments[served.Deployment].Id);
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

/// <summary>A request in the wait room.</summary>
internal sealed class Waiter(SimulatedGateway gateway, int request, EligibleSet eligible) : IWaiter
{
    public int Request => request;

    public LinkedListNode<IWaiter>? Place { get; set; }

    /// <summary>Told to try again, and has not yet.</summary>
    public bool IsWoken { get; set; }

    public bool CanUse(string deploymentId) => eligible.Contains(deploymentId);

    public void Wake()
    {
        if (!IsWoken)
        {
            IsWoken = true;
            gateway.Wake(this);
        }
    }
}
