using System.Collections.Immutable;
using Forebay.Core.Capacity.Concentration;
using Forebay.Core.Capacity.Placement;
using Forebay.Core.Fleet;
using Forebay.Core.Usage;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.Concentration;

/// <summary>What was found when concentration was last looked at.</summary>
/// <param name="Report">The shares.</param>
/// <param name="Passed">The shares above their caps.</param>
public sealed record ConcentrationState(ConcentrationReport Report, ImmutableArray<CapPassed> Passed)
{
    public static ConcentrationState None { get; } = new(
        new ConcentrationReport(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, [0, 0, 0], [], [], []), []);
}

/// <summary>
/// Watches how the fleet's capacity, traffic and money are spread: looks once a minute, tells in the log when a share
/// passes its cap and when it is back, and keeps the last look for metrics and status.
/// </summary>
public sealed class ConcentrationService : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private static readonly UsageDimension[] Dimensions = [UsageDimension.Deployment, UsageDimension.Provider];

    private readonly FleetState _fleet;
    private readonly IUsageLedger _ledger;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _one = new(1);
    private readonly ITimer _timer;
    private ConcentrationState _last = ConcentrationState.None;

    public ConcentrationService(
        FleetState fleet, IUsageLedger ledger, TimeProvider time, ILogger<ConcentrationService> logger)
    {
        _fleet = fleet;
        _ledger = ledger;
        _time = time;
        _logger = logger;
        _timer = time.CreateTimer(
            static s => _ = ((ConcentrationService)s!).TickAsync(), this, TimeSpan.Zero, Interval);
    }

    /// <summary>What is leased now; what the fleet's deployments hold where it is not set.</summary>
    public Func<FleetConfig, IEnumerable<LeasedAccelerators>>? Leases { get; set; }

    /// <summary>The last look.</summary>
    public ConcentrationState Last => Volatile.Read(ref _last);

    /// <summary>Works out the shares over a window that ends now.</summary>
    public async Task<ConcentrationReport> ReportAsync(ConcentrationWindow window, CancellationToken cancel)
    {
        // The ledger counts in whole minutes: the one that has begun belongs to the window.
        DateTimeOffset to = _time.GetUtcNow().AddMinutes(1);
        DateTimeOffset from = to - window.Length();
        IReadOnlyList<UsageRow> rows = await _ledger.QueryAsync(new UsageQuery(from, to, Dimensions), cancel)
            .ConfigureAwait(false);
        FleetConfig config = _fleet.Model.Config;
        return ConcentrationShares.Of(
            config,
            LeasesOf(config),
            rows.Select(r => new ServedTokens(
                r.Group[0], r.Group[1], r.Tokens.Prompt + r.Tokens.Output, r.ProviderCostMicros)),
            from,
            to);
    }

    /// <summary>What concentration groups may still take: leases as they are now, what is served and spent as of the
    /// last look.</summary>
    public ImmutableArray<GroupRoom> RoomsNow(FleetConfig config)
    {
        if (!Array.Exists(config.ConcentrationGroups, g => g.Caps is not null))
        {
            return [];
        }

        ConcentrationReport report = ConcentrationCaps.WithLeases(Last.Report, config, LeasesOf(config));
        return
        [
            .. from g in config.ConcentrationGroups
               let room = ConcentrationCaps.Room(g, report).Accelerators
               where room is not null
               select new GroupRoom(g.Id, (double)room.Value),
        ];
    }

    /// <summary>The shares of a report above the caps in force.</summary>
    public ImmutableArray<CapPassed> PassedIn(ConcentrationReport report) =>
        ConcentrationCaps.Passed(_fleet.Model.Config.ConcentrationGroups, report);

    /// <summary>Looks now, and tells what changed since the last look.</summary>
    public async Task LookAsync(CancellationToken cancel)
    {
        await _one.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            ConcentrationReport report = await ReportAsync(
                _fleet.Model.Config.Server.Concentration.Window, cancel).ConfigureAwait(false);
            ImmutableArray<CapPassed> before = Last.Passed;
            ImmutableArray<CapPassed> passed = PassedIn(report);
            Volatile.Write(ref _last, new ConcentrationState(report, passed));
            foreach (CapPassed cap in passed.Where(p => !before.Any(b => IsSame(b, p))))
            {
                Log.CapPassed(
                    _logger, cap.Group, cap.Measure.Word(), cap.Share, cap.Max, cap.Action == CapAction.Constrain
                        ? "nothing more is placed there until it is below"
                        : "move load or capacity elsewhere, or raise the cap");
            }

            foreach (CapPassed cap in before.Where(b => !passed.Any(p => IsSame(b, p))))
            {
                Log.CapKept(_logger, cap.Group, cap.Measure.Word());
            }
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose()
    {
        _timer.Dispose();
        _stop.Cancel();
    }

    private IEnumerable<LeasedAccelerators> LeasesOf(FleetConfig config) =>
        Leases?.Invoke(config) ?? ConcentrationShares.LeasesOf(config);

    private async Task TickAsync()
    {
        try
        {
            await LookAsync(_stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
        catch (Exception e)
        {
            // A ledger that cannot be read now may be in a minute; what was found before stays.
            Log.NotLooked(_logger, e);
        }
    }

    private static bool IsSame(CapPassed a, CapPassed b) =>
        (a.Group, a.Measure, a.Action, a.Max) == (b.Group, b.Measure, b.Action, b.Max);
}
