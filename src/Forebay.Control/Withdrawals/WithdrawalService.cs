using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Forebay.Control.Audit;
using Forebay.Control.Errors;
using Forebay.Control.FleetFile;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Withdrawals;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Fleet.Managed;
using Forebay.Core.Serving;
using Forebay.Core.Time;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.Withdrawals;

/// <summary>What a withdrawal is asked with.</summary>
/// <param name="Kind">Why.</param>
/// <param name="Target">What.</param>
/// <param name="At">From when nothing new goes there; now where left out.</param>
/// <param name="Cut">How long after that work in flight may go on.</param>
/// <param name="For">How long it is out; until it is returned where left out.</param>
/// <param name="Quantity">What is reclaimed of each pool; all where left out.</param>
public sealed record WithdrawalRequest(
    WithdrawalKind Kind,
    WithdrawalTarget Target,
    DateTimeOffset? At,
    TimeSpan Cut,
    TimeSpan? For,
    long? Quantity = null);

/// <summary>
/// Drains, reclaims and drills: keeps them, takes their capacity out of what requests may use when their time comes,
/// cuts what is left in flight at its deadline, puts back what returns, and reports what that meant for requests. Each
/// change is audited and stored before it takes effect, so that a killed server goes on where it was. A reclaim of a
/// partner's commitment is on the partner's record too: the withdrawal is stored first, and the record follows it,
/// also after a crash in between.
/// </summary>
public sealed partial class WithdrawalService : IAsyncDisposable
{
    /// <summary>Who the managed part of the fleet belongs to.</summary>
    public const string Owner = "withdrawals";

    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan ReadingEvery = TimeSpan.FromSeconds(10);
    private const int ReadingsKept = 30;

    private readonly FleetState _fleet;
    private readonly IWithdrawalStore _store;
    private readonly AuditedChange _change;
    private readonly TimeProvider _time;
    private readonly ILogger<WithdrawalService> _logger;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<WithdrawalRecord> _records = [];
    private readonly Dictionary<string, (ServiceReading? Before, ServiceReading Start)> _starts = [];
    private readonly Queue<ServiceReading> _readings = new();

    /// <summary>Withdrawals whose partner's record says what they say.</summary>
    private readonly HashSet<(string Id, bool Returned)> _onRecord = [];
    private IReadOnlyList<WithdrawalRecord> _standing = [];
    private IManagedFleet? _managed;
    private IConnectionCut? _connections;
    private Task _running = Task.CompletedTask;

    public WithdrawalService(
        FleetState fleet, IWithdrawalStore store, AuditedChange change, TimeProvider time, ILoggerFactory logs)
    {
        _fleet = fleet;
        _store = store;
        _change = change;
        _time = time;
        _logger = logs.CreateLogger<WithdrawalService>();
    }

    /// <summary>What withdrawals are timed by, as contracts are: the machine's clock, unless contracts run faster than
    /// requests.</summary>
    public TimeProvider? ContractTime { get; init; }

    /// <summary>Seconds of that clock in a real one: how long work in flight may go on, and how long something is out,
    /// are asked for in real ones.</summary>
    public double ContractSecondsPerSecond { get; init; } = 1;

    /// <summary>Where the provider's notice is kept; none where partners are not known. Set before the start.</summary>
    public IReclaimNotices? Notices { get; set; }

    /// <summary>Reads what is stored; what is in effect joins the fleet's first snapshot, so that nothing is served
    /// from capacity that was withdrawn before a restart.</summary>
    public async Task<ManagedPart> LoadAsync(CancellationToken cancel)
    {
        _records.AddRange(await _store.ListWithdrawalsAsync(cancel).ConfigureAwait(false));
        TellStanding();
        return PartOf(ManagedPart.Empty);
    }

    /// <summary>Begins to act on time.</summary>
    /// <param name="managed">Where the fleet is changed.</param>
    /// <param name="connections">Where connections are cut.</param>
    public void Start(IManagedFleet managed, IConnectionCut connections)
    {
        _managed = managed;
        _connections = connections;
        _running = RunAsync();
    }

    /// <summary>All of them, the last asked for first, with the reports as they stand now.</summary>
    public async Task<IReadOnlyList<WithdrawalRecord>> ListAsync(CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            return [.. _records.AsEnumerable().Reverse().Select(WithReport)];
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Those that have not returned, as they were last kept.</summary>
    public IReadOnlyList<WithdrawalRecord> Standing => Volatile.Read(ref _standing);

    /// <summary>Told whenever one begins, goes on or returns; must be quick and not throw.</summary>
    public Action? Changed { get; set; }

    /// <exception cref="RefusedException">There is none.</exception>
    public async Task<WithdrawalRecord> FindAsync(string id, CancellationToken cancel) =>
        (await ListAsync(cancel).ConfigureAwait(false)).FirstOrDefault(r => r.Asked.Id == id)
            ?? throw NotFound(id);

    /// <summary>Everything wrong with a request; empty when nothing is.</summary>
    public IReadOnlyList<FieldProblem> Check(WithdrawalRequest asked)
    {
        var problems = new List<FieldProblem>();
        if (!asked.Target.IsIn(_fleet.Model.Config))
        {
            string scope = asked.Target.Scope.Word();
            problems.Add(new FieldProblem(
                "id", $"is {Words.Quote(asked.Target.Id)}, and the fleet has no such {scope}.",
                $"Give the id of a {scope} of the fleet; `forebay status` lists what serves."));
        }

        if (asked.Quantity is not null && asked.Kind != WithdrawalKind.Reclaim)
        {
            problems.Add(new FieldProblem(
                "quantity",
                "is given, and only a reclaim takes a part.",
                "Leave it out, or send \"kind\": \"reclaim\"."));
        }

        if (asked.Quantity <= 0)
        {
            problems.Add(new FieldProblem(
                "quantity", "is not above 0.", "Send what is taken of each pool, or leave it out for all."));
        }

        if (asked.Cut < TimeSpan.Zero)
        {
            problems.Add(new FieldProblem("cut_seconds", "is below 0.", "Send 0 or more."));
        }

        if (asked.For <= TimeSpan.Zero)
        {
            problems.Add(new FieldProblem("for_seconds", "is not above 0.", "Send a length of time, or leave it out."));
        }

        return problems;
    }

    /// <summary>Asks for a withdrawal. One of the same target that still lasts is a conflict.</summary>
    /// <exception cref="RefusedException">The request is wrong, conflicts, or cannot be recorded.</exception>
    public async Task<WithdrawalRecord> AskAsync(WithdrawalRequest asked, string actor, CancellationToken cancel)
    {
        RefusedException.ThrowIfAny(Check(asked));
        await _gate.WaitAsync(cancel).ConfigureAwait(false);
        WithdrawalRecord record;
        try
        {
            if (_records.Find(r => r.Asked.Target == asked.Target && r.Asked.Quantity is null
                && r.Progress.Phase != WithdrawalPhase.Returned) is { } same)
            {
                throw new RefusedException(
                    RefusalKind.Conflict,
                    $"{same.Asked.Id} withdraws the {asked.Target.Scope.Word()} {asked.Target.Id} already " +
                    $"({same.Asked.Kind.Word()}, {same.Progress.Phase.Word()}). Return that one first.");
            }

            record = new WithdrawalRecord(Make(asked, actor), new WithdrawalProgress(), null);
            var note = new AuditNote(
                actor, $"capacity.{asked.Kind.Word()}", asked.Target.Id,
                JsonSerializer.Serialize(DetailOf(record.Asked), WithdrawalJson.Default.WithdrawalDetail));
            await _change.RunAsync(note, () => KeepAsync(record)).ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }

        await StepAllAsync().ConfigureAwait(false);
        return await FindAsync(record.Asked.Id, cancel).ConfigureAwait(false);
    }

    /// <summary>Lets capacity serve again, or takes an announcement back.</summary>
    /// <exception cref="RefusedException">There is none such, or it has returned.</exception>
    public async Task<WithdrawalRecord> ReturnAsync(string id, string actor, CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            WithdrawalRecord record = _records.Find(r => r.Asked.Id == id) ?? throw NotFound(id);
            if (record.Progress.Phase == WithdrawalPhase.Returned)
            {
                throw new RefusedException(RefusalKind.Conflict, $"{id} has returned already.");
            }

            WithdrawalRecord back = record with { Asked = record.Asked with { ReturnUnixMs = NowMs() } };
            await _change.RunAsync(
                new AuditNote(actor, "capacity.return", id, "{}"), () => KeepAsync(back)).ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }

        await StepAllAsync().ConfigureAwait(false);
        return await FindAsync(id, cancel).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stop.Dispose();
        _gate.Dispose();
    }

    private static RefusedException NotFound(string id) => new(
        RefusalKind.NotFound, $"There is no withdrawal '{id}'. `forebay withdrawals` lists them.");

    private Withdrawal Make(WithdrawalRequest asked, string actor)
    {
        long now = NowMs();
        long from = Math.Max(now, asked.At?.ToUnixTimeMilliseconds() ?? now);
        string id = string.Create(CultureInfo.InvariantCulture, $"w-{_records.Count + 1}");
        return new Withdrawal(
            id, asked.Kind, asked.Target, actor, now, from, from + ContractMs(asked.Cut),
            asked.For is { } time ? from + ContractMs(time) : null)
        {
            ShortNoticeDays = asked.Kind == WithdrawalKind.Reclaim ? ShortBy(asked.Target, from - now) : 0,
            Quantity = asked.Quantity,
            Partner = asked is { Kind: WithdrawalKind.Reclaim, Target.Scope: WithdrawalScope.Commitment }
                ? Notices?.OwnerOf(asked.Target.Id)
                : null,
        };
    }

    private long ContractMs(TimeSpan real) => (long)(real.TotalMilliseconds * ContractSecondsPerSecond);

    /// <summary>Days by which a provider's notice falls short of what its commitment says, of its low end.</summary>
    private double ShortBy(WithdrawalTarget target, long noticeMs)
    {
        CommitmentConfig? commitment = target.Scope == WithdrawalScope.Commitment
            ? Array.Find(_fleet.Model.Config.Commitments, c => c.Id == target.Id)
            : null;
        double owed = commitment?.NoticeDays is { HasNumber: true } days ? (double)days.Low : 0;
        return Math.Max(0, owed - TimeSpan.FromMilliseconds(noticeMs).TotalDays);
    }

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(Tick, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false))
            {
                await StepAllAsync().ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops; what is under way goes on at the next start.
        }
    }

    /// <summary>Steps every withdrawal as far as it goes now. A step that fails is tried again with the next
    /// tick.</summary>
    public async Task StepAllAsync()
    {
        await _gate.WaitAsync(_stop.Token).ConfigureAwait(false);
        try
        {
            KeepReading();
            await EnsureInForceAsync(Owner).ConfigureAwait(false);
            for (int i = 0; i < _records.Count; i++)
            {
                // What has returned stays on record and has no step left.
                while (_managed is not null
                    && _records[i].Progress.Phase != WithdrawalPhase.Returned
                    && await StepAsync(_records[i]).ConfigureAwait(false))
                {
                    // On to its next step.
                }

                await FollowRecordAsync(_records[i]).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            StepFailed(_logger, e);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Has the partner's record say what a reclaim says. A partner that is gone meanwhile has nothing to
    /// say.</summary>
    private async Task FollowRecordAsync(WithdrawalRecord record)
    {
        (string, bool) done = (record.Asked.Id, record.Progress.Phase == WithdrawalPhase.Returned);
        if (record.Asked.Partner is null || Notices is null || _onRecord.Contains(done))
        {
            return;
        }

        try
        {
            await Notices.FollowReclaimAsync(record, _stop.Token).ConfigureAwait(false);
        }
        catch (RefusedException e)
        {
            NotOnRecord(_logger, record.Asked.Id, record.Asked.Partner, e.Message);
        }

        _onRecord.Add(done);
    }

    private async Task<bool> StepAsync(WithdrawalRecord record)
    {
        Deployment[] covered = [.. _fleet.Model.Deployments.Where(record.Asked.Covers)];
        int inFlight = covered.Sum(d => _fleet.Of(d).InFlight);
        (WithdrawalProgress next, WithdrawalAction action) = record.Progress.Step(record.Asked, NowMs(), inFlight);
        if (next == record.Progress)
        {
            return false;
        }

        string id = record.Asked.Id;
        if (action == WithdrawalAction.TakeOut)
        {
            _starts[id] = (_readings.TryPeek(out ServiceReading? oldest) ? oldest : null, _fleet.ReadService(RealMs()));
        }

        await KeepAsync(WithReport(record) with { Progress = next }).ConfigureAwait(false);
        switch (action)
        {
            case WithdrawalAction.TakeOut:
                await EnsureInForceAsync(record.Asked.Actor).ConfigureAwait(false);
                break;
            case WithdrawalAction.Cut:
                _connections?.Cut([.. covered.Select(d => d.Id)]);
                break;
            case WithdrawalAction.PutBack:
                Restore(covered, record.Progress.CutUnixMs is not null);
                await EnsureInForceAsync(record.Asked.Actor).ConfigureAwait(false);
                break;
        }

        Stepped(_logger, id, record.Asked.Kind.Word(), record.Asked.Target.Id, next.Phase.Word(), inFlight);
        return true;
    }

    /// <summary>Opens connections again, but for what another withdrawal still covers. What the cut made deployments
    /// look like is forgotten: it was our doing.</summary>
    private void Restore(Deployment[] covered, bool wasCut)
    {
        Deployment[] back = [.. covered.Where(d => !_records.Exists(
            r => r.Progress is { IsActive: true, CutUnixMs: not null } && r.Asked.Covers(d)))];
        _connections?.Restore([.. back.Select(d => d.Id)]);
        foreach (Deployment deployment in wasCut ? back : [])
        {
            _fleet.Of(deployment).ForgetHealth(Instant.MonotonicNsOf(_time));
            _fleet.LoadOf(deployment).Publish();
        }
    }

    /// <summary>Puts in force what is kept, where it is not: also what a step before could not.</summary>
    private async Task EnsureInForceAsync(string actor)
    {
        if (_managed is null || ReferenceEquals(PartOf(_managed.Managed.Of(Owner)), _managed.Managed.Of(Owner)))
        {
            return;
        }

        IReadOnlyList<ConfigProblem> problems = await _managed
            .ApplyManagedAsync(Owner, PartOf, actor, _stop.Token).ConfigureAwait(false);
        if (problems.Count > 0)
        {
            throw new InvalidOperationException(
                $"The fleet was refused with its withdrawals: {problems[0].Path}: {problems[0].Message}");
        }
    }

    private ManagedPart PartOf(ManagedPart part)
    {
        Withdrawal[] active = [.. _records.Where(r => r.Progress.IsActive && r.Asked.Quantity is null)
            .Select(r => r.Asked)];
        return part.Withdrawals.SequenceEqual(active) ? part : part with { Withdrawals = active };
    }

    private async Task KeepAsync(WithdrawalRecord record)
    {
        await _store.SaveWithdrawalAsync(record, CancellationToken.None).ConfigureAwait(false);
        int at = _records.FindIndex(r => r.Asked.Id == record.Asked.Id);
        if (at < 0)
        {
            _records.Add(record);
        }
        else
        {
            _records[at] = record;
        }

        TellStanding();
        Changed?.Invoke();
    }

    private void TellStanding() => Volatile.Write(
        ref _standing, [.. _records.Where(r => r.Progress.Phase != WithdrawalPhase.Returned)]);

    private WithdrawalRecord WithReport(WithdrawalRecord record) =>
        record.Progress.IsActive && _starts.TryGetValue(record.Asked.Id, out var readings)
            ? record with
            {
                Report = WithdrawalReport.Of(readings.Before, readings.Start, _fleet.ReadService(RealMs())),
            }
            : record;

    /// <summary>Keeps readings of the last minutes, for what was before.</summary>
    private void KeepReading()
    {
        long now = RealMs();
        if (_readings.Count > 0 && now - _readings.Last().UnixMs < ReadingEvery.TotalMilliseconds)
        {
            return;
        }

        _readings.Enqueue(_fleet.ReadService(now));
        if (_readings.Count > ReadingsKept)
        {
            _readings.Dequeue();
        }
    }

    private long NowMs() => (ContractTime ?? _time).GetUtcNow().ToUnixTimeMilliseconds();

    private long RealMs() => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private static WithdrawalDetail DetailOf(Withdrawal w) =>
        new(
            w.Id, w.Target.Scope.Word(), w.FromUnixMs, w.CutUnixMs, w.ReturnUnixMs, w.ShortNoticeDays, w.Quantity,
            w.Partner);

    [LoggerMessage(2120, LogLevel.Information,
        "{Withdrawal} ({Kind} of {Target}) is {Phase}; {InFlight} requests were in flight there.")]
    private static partial void Stepped(
        ILogger logger, string withdrawal, string kind, string target, string phase, int inFlight);

    [LoggerMessage(2122, LogLevel.Warning,
        "{Withdrawal} is not on the record of partner {Partner}: {Problem}")]
    private static partial void NotOnRecord(ILogger logger, string withdrawal, string partner, string problem);

    [LoggerMessage(2121, LogLevel.Error, "A withdrawal could not go on; it is tried again.")]
    private static partial void StepFailed(ILogger logger, Exception problem);
}

internal sealed record WithdrawalDetail(
    string Id,
    string Scope,
    long FromUnixMs,
    long CutUnixMs,
    long? ReturnUnixMs,
    double ShortNoticeDays,
    long? Quantity,
    string? Partner);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(WithdrawalDetail))]
internal sealed partial class WithdrawalJson : JsonSerializerContext;
