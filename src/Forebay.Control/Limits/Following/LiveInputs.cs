using System.Collections.Immutable;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Limits.Following;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;

namespace Forebay.Control.Limits.Following;

/// <summary>
/// The controller's inputs from the capacity ledger, the fleet in force and the usage on record. The first reading
/// goes through the weeks that demand is read from; later ones through what came since, and the minutes before it
/// again, since usage is counted in the minute of acceptance once a request has ended.
/// </summary>
/// <param name="fleet">The fleet.</param>
/// <param name="history">Usage by minute.</param>
/// <param name="multipliersAt">What was in force at a time: limits then tell who was at theirs.</param>
/// <param name="time">The clock that usage is recorded by.</param>
public sealed class LiveInputs(
    FleetState fleet, IDemandHistory history, Func<DateTimeOffset, TierMultipliers> multipliersAt, TimeProvider time)
    : IFollowingInputs, IDisposable
{
    /// <summary>Capacity over the coming week; the fleet's alone, in all hours, where it is null.</summary>
    public Func<CapacityOutlook>? Outlook { get; set; }

    /// <summary>Minutes read again each time.</summary>
    public const int RereadMinutes = 60;

    /// <summary>Requests of a model of which fewer than this many are on record are taken to be of the size below.
    /// </summary>
    private const long FewRequests = 20;

    /// <summary>Observations from which a learned speed counts as known.</summary>
    private const long SeenOften = 100;

    private const int ChunkMinutes = 24 * 60;

    /// <summary>What was used in less than this says nothing about a rate.</summary>
    private static readonly TimeSpan LeastSeen = TimeSpan.FromSeconds(10);
    private static readonly RequestShape UsualShape = new(1000, 500);

    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly Dictionary<string, (long Requests, long Input, long Output)> _shapes =
        new(StringComparer.Ordinal);

    private readonly DateTimeOffset _started = time.GetUtcNow();
    private DemandWindow? _window;
    private FleetModel? _model;
    private int _weeks;
    private long _readTo;

    public async Task<FollowingInputs> ReadAsync(CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            FleetModel model = fleet.Model;
            LimitsFollowConfig rules = model.Config.Server.LimitsFollow;
            DemandWindow window = await WindowAsync(model, rules.DemandWeeks, cancel).ConfigureAwait(false);
            ImmutableArray<CapacitySource> capacity = FleetCapacity.Of(
                model, SpeedOf, m => ShapeOf(m.Id), rules, Outlook?.Invoke(), new FreeCapacity(fleet.Exports));
            var demand = from seen in window.Seen
                         where Array.Exists(model.Config.Tiers, t => t.Id == seen.Tier)
                         select DemandOf(model, window, seen.Tier, seen.Class, rules.DemandQuantile);
            return new FollowingInputs(capacity, [.. demand], window.Hours);
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private async Task<DemandWindow> WindowAsync(FleetModel model, int weeks, CancellationToken cancel)
    {
        long end = time.GetUtcNow().ToUnixTimeSeconds() / 60;
        if (_window is null || weeks != _weeks || !ReferenceEquals(model, _model))
        {
            // Another fleet may put tenants in other tiers and models in other classes.
            (_window, _weeks, _model, _readTo) = (new DemandWindow(weeks), weeks, model, 0);
            _shapes.Clear();
        }

        long? first = await history.FirstMinuteAsync(cancel).ConfigureAwait(false);
        if (first is null)
        {
            return _window;
        }

        // What began within a minute of the start began in the midst of its minute.
        bool isYoung = first >= end || (first == end - 1 && (first - _started.ToUnixTimeSeconds() / 60) is 0 or 1);
        if (isYoung)
        {
            return await FirstMinuteAsync(model, first.Value, end, cancel).ConfigureAwait(false);
        }

        if (_readTo == 0)
        {
            _shapes.Clear();
        }

        DemandWindow window = _window;
        long oldest = Math.Max(first.Value, end - weeks * 7L * ChunkMinutes);
        long from = Math.Max(oldest, _readTo - RereadMinutes);
        window.Advance(oldest, end);
        window.Forget(from);
        var multipliers = TierMultipliers.Promise;
        long of = long.MinValue;
        for (long start = from; start < end; start += ChunkMinutes)
        {
            await history.ReadAsync(start, Math.Min(end, start + ChunkMinutes), one =>
            {
                if (one.Minute != of)
                {
                    of = one.Minute;
                    multipliers = multipliersAt(DateTimeOffset.FromUnixTimeSeconds(one.Minute * 60));
                }

                Add(window, model, one, multipliers, one.Minute >= _readTo);
            }, cancel).ConfigureAwait(false);
        }

        _readTo = end;
        return window;
    }

    /// <summary>No whole minute is on record yet: what was used since the start, as a rate. Where the first minute is
    /// not whole either, the second one counts once it is over.</summary>
    private async Task<DemandWindow> FirstMinuteAsync(
        FleetModel model, long first, long end, CancellationToken cancel)
    {
        var window = new DemandWindow(_weeks);
        var began = DateTimeOffset.FromUnixTimeSeconds(first * 60);
        TimeSpan seen = time.GetUtcNow() - (began < _started ? _started : began);
        if (seen < LeastSeen)
        {
            return window;
        }

        var sums = new Dictionary<(string Tenant, string Model), DemandMinute>();
        await history.ReadAsync(first, end + 1, one =>
        {
            DemandMinute sum = sums.GetValueOrDefault((one.Tenant, one.Model));
            sums[(one.Tenant, one.Model)] = one with
            {
                Minute = first,
                Requests = sum.Requests + one.Requests,
                Input = sum.Input + one.Input,
                Output = sum.Output + one.Output,
            };
        }, cancel).ConfigureAwait(false);
        double perMinute = TimeSpan.FromMinutes(1) / seen;
        window.Advance(first, first + 1);
        _shapes.Clear();
        foreach (DemandMinute sum in sums.Values)
        {
            DemandMinute rate = sum with
            {
                Input = (long)(sum.Input * perMinute), Output = (long)(sum.Output * perMinute),
            };
            Add(window, model, rate, multipliersAt(began), isNew: false);
            _shapes[sum.Model] = ShapeAdd(_shapes.GetValueOrDefault(sum.Model), sum);
        }

        return window;
    }

    private static (long Requests, long Input, long Output) ShapeAdd(
        (long Requests, long Input, long Output) shape, in DemandMinute one) =>
        (shape.Requests + one.Requests, shape.Input + one.Input, shape.Output + one.Output);

    private void Add(
        DemandWindow window, FleetModel model, in DemandMinute one, TierMultipliers multipliers, bool isNew)
    {
        if (model.FindTenant(one.Tenant) is not { } tenant)
        {
            return;
        }

        string modelClass = model.FindModel(one.Model)?.LimitClass ?? TierMultipliers.Unclassed;
        (long? input, long? output) = PromiseOf(tenant.Tier, modelClass);
        double multiplier = multipliers.At(
            tenant.Tier.Id, modelClass, HourOfWeek.Of(one.Minute * 60_000));
        window.Add(
            tenant.Tier.Id, modelClass, one.Minute, one.Input, one.Output, input * multiplier, output * multiplier,
            multiplier);
        if (isNew)
        {
            _shapes[one.Model] = ShapeAdd(_shapes.GetValueOrDefault(one.Model), one);
        }
    }

    private static TierDemand DemandOf(
        FleetModel model, DemandWindow window, string tierId, string modelClass, double quantile)
    {
        TierConfig tier = model.Config.Tiers.First(t => t.Id == tierId);
        (long? input, long? output) = PromiseOf(tier, modelClass);
        return new TierDemand(
            tierId,
            modelClass,
            model.Config.Tenants.Count(t => t.Tier == tierId),
            input,
            output,
            window.Quantile(tierId, modelClass, TokenKind.Input, quantile),
            window.Quantile(tierId, modelClass, TokenKind.Output, quantile),
            window.LimitedShare(tierId, modelClass));
    }

    /// <summary>What a tier promises of a class: its own limits over it, else those over all models.</summary>
    private static (long? Input, long? Output) PromiseOf(TierConfig tier, string modelClass)
    {
        ClassLimitsConfig? own = Array.Find(tier.Classes, c => c.Class == modelClass);
        return (
            own?.InputTokensPerMinute ?? tier.InputTokensPerMinute,
            own?.OutputTokensPerMinute ?? tier.OutputTokensPerMinute);
    }

    private DeploymentSpeed SpeedOf(Deployment deployment)
    {
        RouteLoad load = fleet.LoadOf(deployment);
        bool known = deployment.Prior != SpeedPrior.Unknown || load.OutputToken.Observations >= SeenOften;
        return new DeploymentSpeed(
            fleet.Routing.Cells[load.Number], known, fleet.PlacesOf(deployment, Instant.MonotonicNsOf(time)));
    }

    private RequestShape ShapeOf(string model) =>
        _shapes.TryGetValue(model, out (long Requests, long Input, long Output) s) && s.Requests >= FewRequests
            ? new RequestShape((double)s.Input / s.Requests, Math.Max(1, (double)s.Output / s.Requests))
            : UsualShape;
}
