using System.Text.Json;
using System.Text.Json.Serialization;
using Forebay.Control.Audit;
using Forebay.Control.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Rollout;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.Rollout;

/// <summary>What a rollout is asked for; what is left out is as the model's <c>rollout</c> says.</summary>
public sealed record RolloutAsked(
    string To, string? From, IReadOnlyList<double>? Steps, double? HoldSeconds, int? MinRequests);

/// <summary>
/// Rolls versions of models out. Each change is audited, then stored, then in force for every decision from then on;
/// once a second each rollout under way is asked what follows, and what was counted is stored. After a restart it goes
/// on where it was; a crash forgets the answers of the last second.
/// </summary>
public sealed partial class RolloutService : IDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);
    private const long KeepEveryMs = 10_000;

    private readonly FleetState _fleet;
    private readonly IRolloutStore _store;
    private readonly AuditedChange _change;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly Dictionary<string, Live> _live = new(StringComparer.Ordinal);
    private IReadOnlyList<ModelRollout> _all = [];
    private ITimer? _timer;
    private int _ticking;

    public RolloutService(
        FleetState fleet, IRolloutStore store, AuditedChange change, TimeProvider time, ILogger<RolloutService> logger)
    {
        _fleet = fleet;
        _store = store;
        _change = change;
        _time = time;
        _logger = logger;
    }

    /// <summary>All that ever were, oldest first.</summary>
    public IReadOnlyList<ModelRollout> All => Volatile.Read(ref _all);

    private long NowUnixMs => _time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Puts what is stored in force and goes on with what is under way; call before the gateway starts.
    /// </summary>
    public async Task LoadAsync(CancellationToken cancel)
    {
        IReadOnlyList<ModelRollout> stored = await _store.ListRolloutsAsync(cancel).ConfigureAwait(false);
        var counts = (await _store.ListCountsAsync(cancel).ConfigureAwait(false)).ToDictionary(c => c.Rollout);
        _all =
        [
            .. stored.Select(r => RolloutMachine.Restarted(
                r, counts.GetValueOrDefault(r.Id)?.AtUnixMs, NowUnixMs)),
        ];
        foreach (ModelRollout rollout in _all)
        {
            _live[rollout.Model] = Live.From(counts.GetValueOrDefault(rollout.Id));
        }

        PutInForce();
        _timer = _time.CreateTimer(static s => ((RolloutService)s!).OnTick(), this, Tick, Tick);
    }

    /// <summary>The last rollout of a model; null where it had none.</summary>
    public ModelRollout? Last(string model) => All.LastOrDefault(r => r.Model == model);

    /// <summary>What was counted of its versions since it began.</summary>
    public VersionTally? TallyOf(string model) => _fleet.Splits.Of(model)?.Tally;

    /// <summary>Begins a rollout.</summary>
    /// <exception cref="RefusedException">What is asked for is wrong, or one is under way.</exception>
    public async Task<ModelRollout> StartAsync(ServedModel model, RolloutAsked asked, string actor)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(asked);
        await _gate.WaitAsync().ConfigureAwait(false);
        try
        {
            if (Last(model.Id) is { IsOpen: true } open)
            {
                throw new RefusedException(
                    RefusalKind.Conflict,
                    $"The rollout of {model.Id} to {open.To} is {open.Phase.Word()}. Roll it back first, or let it " +
                    "end.");
            }

            ModelRollout rollout = Made(model, asked, actor);
            _live[model.Id] = new Live();
            await SaveAsync(rollout, "rollout.start").ConfigureAwait(false);
            return rollout;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Holds a running rollout where it is.</summary>
    public Task<ModelRollout> PauseAsync(string model, string actor) => ChangeAsync(
        model, "rollout.pause", r => RolloutMachine.Pause(r, actor, NowUnixMs), "It is not running.");

    /// <summary>Goes on with a paused one.</summary>
    public Task<ModelRollout> ResumeAsync(string model, string actor) => ChangeAsync(
        model, "rollout.resume", r => RolloutMachine.Resume(r, actor, NowUnixMs), "It is not paused.");

    /// <summary>Goes back to the version before, from whatever phase.</summary>
    public Task<ModelRollout> RollBackAsync(string model, string actor, string? reason) => ChangeAsync(
        model,
        "rollout.rollback",
        r => r.Phase == RolloutPhase.RolledBack
            ? null
            : RolloutMachine.RollBack(r, actor, reason ?? "rolled back by an operator", NowUnixMs),
        "It was rolled back already.");

    public void Dispose()
    {
        _timer?.Dispose();
        _gate.Dispose();
    }

    private ModelRollout Made(ServedModel model, RolloutAsked asked, string actor)
    {
        RolloutConfig usual = model.Config.Rollout;
        string[] known =
        [
            .. model.Deployments.Select(d => d.Config.ModelVersion).OfType<string>()
                .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal),
        ];
        string? from = asked.From ?? InForceOf(model.Id)
            ?? (known.Where(v => v != asked.To).ToArray() is [var only] ? only : null);
        var problems = new List<FieldProblem>();
        string named = known.Length == 0
            ? "No deployment of the model has a model_version; give them one in the fleet file."
            : $"Deployments serve {string.Join(", ", known)}.";
        if (!known.Contains(asked.To))
        {
            problems.Add(new FieldProblem("to", $"is '{asked.To}', which no deployment of {model.Id} serves.", named));
        }

        if (from is null)
        {
            problems.Add(new FieldProblem("from", "is missing, and several versions could be meant.", named));
        }
        else if (from == asked.To)
        {
            problems.Add(new FieldProblem("from", $"is '{from}', and so is to.", named));
        }
        else if (!known.Contains(from))
        {
            problems.Add(new FieldProblem("from", $"is '{from}', which no deployment of {model.Id} serves.", named));
        }

        IReadOnlyList<double> steps = asked.Steps ?? usual.Steps;
        if (RolloutMachine.CheckSteps(steps) is { } wrong)
        {
            problems.Add(new FieldProblem(
                "steps", $"cannot be: {wrong}.", "Give shares that rise to 1, such as [0.01, 0.05, 0.25, 1]."));
        }

        double hold = asked.HoldSeconds ?? usual.HoldSeconds;
        if (!(hold is >= 0 and <= 31_536_000))
        {
            problems.Add(new FieldProblem("hold_seconds", "is out of range.", "Give 0 to 31536000."));
        }

        int least = asked.MinRequests ?? usual.MinRequests;
        if (least < 1)
        {
            problems.Add(new FieldProblem("min_requests", "is out of range.", "Give 1 or more."));
        }

        RefusedException.ThrowIfAny(problems);
        return new ModelRollout
        {
            Id = All.Count == 0 ? 1 : All[^1].Id + 1,
            Model = model.Id,
            From = from!,
            To = asked.To,
            Steps = steps,
            HoldSeconds = hold,
            MinRequests = least,
            FalseAlarmShare = usual.FalseAlarmShare,
            LatencySlackShare = usual.LatencySlackShare,
            StartedUnixMs = NowUnixMs,
            StepSinceUnixMs = NowUnixMs,
            ChangedUnixMs = NowUnixMs,
            Actor = actor,
            Reason = "started",
        };
    }

    /// <summary>The version that the last rollout ended with.</summary>
    private string? InForceOf(string model) => Last(model) switch
    {
        { Phase: RolloutPhase.Completed } done => done.To,
        { Phase: RolloutPhase.RolledBack } back => back.From,
        _ => null,
    };

    private async Task<ModelRollout> ChangeAsync(
        string model, string action, Func<ModelRollout, ModelRollout?> change, string refusal)
    {
        await _gate.WaitAsync().ConfigureAwait(false);
        try
        {
            ModelRollout last = Last(model) ?? throw new RefusedException(
                RefusalKind.NotFound, $"{model} was never rolled out. `forebay rollout start` begins a rollout.");
            ModelRollout next = change(last) ?? throw new RefusedException(
                RefusalKind.Conflict, $"The rollout of {model} to {last.To} is {last.Phase.Word()}. {refusal}");
            await SaveAsync(next, action).ConfigureAwait(false);
            return next;
        }
        finally
        {
            _gate.Release();
        }
    }

    private Task SaveAsync(ModelRollout rollout, string action) => _change.RunAsync(
        new AuditNote(rollout.Actor, action, rollout.Model, Describe(rollout)), async () =>
        {
            await _store.SaveRolloutAsync(rollout, CancellationToken.None).ConfigureAwait(false);
            Keep(rollout);
            PutInForce();
            _fleet.WakeWaiters();
        });

    private void Keep(ModelRollout rollout) => Volatile.Write(
        ref _all, [.. All.Where(r => r.Id != rollout.Id).Append(rollout).OrderBy(r => r.Id)]);

    private void PutInForce() => _fleet.Splits = new VersionSplits(
        All.GroupBy(r => r.Model, StringComparer.Ordinal).Select(g => g.Last().SplitWith(_live[g.Key].Tally)));

    private async void OnTick()
    {
        if (Interlocked.Exchange(ref _ticking, 1) != 0)
        {
            return;
        }

        try
        {
            await TickAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is not ObjectDisposedException)
        {
            // The next tick tries again: a timer's exception would end the process.
            RolloutLog.TickFailed(_logger, e);
        }
        catch (ObjectDisposedException)
        {
            // The server stops.
        }
        finally
        {
            Volatile.Write(ref _ticking, 0);
        }
    }

    private async Task TickAsync()
    {
        if (!All.Any(r => r.IsOpen))
        {
            return;
        }

        await _gate.WaitAsync().ConfigureAwait(false);
        try
        {
            foreach (ModelRollout rollout in All.Where(r => r.IsOpen).ToArray())
            {
                await FollowAsync(rollout).ConfigureAwait(false);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task FollowAsync(ModelRollout rollout)
    {
        Live live = _live[rollout.Model];
        RolloutMark mark = live.Mark;
        ModelRollout next = RolloutMachine.Next(rollout, live.Tally, ref mark, NowUnixMs);
        if (next.Phase != rollout.Phase || next.Step != rollout.Step)
        {
            await SaveAsync(next, next.Phase == RolloutPhase.RolledBack ? "rollout.rollback" : "rollout.advance")
                .ConfigureAwait(false);
            RolloutLog.Moved(
                _logger, next.Model, next.To, next.Phase.Word(), next.Share, next.Reason);
        }
        else if (next.Looks != rollout.Looks)
        {
            // Looks are part of what bounds false alarms, so a restart must not begin them anew.
            await _store.SaveRolloutAsync(next, CancellationToken.None).ConfigureAwait(false);
            Keep(next);
        }

        live.Mark = mark;
        await KeepCountsAsync(next, live).ConfigureAwait(false);
    }

    /// <summary>Nothing is written where nothing was answered, but for the time that the step has been held.</summary>
    private async Task KeepCountsAsync(ModelRollout rollout, Live live)
    {
        IReadOnlyList<ArmCounts> arms = live.Tally.Read();
        long answers = arms.Sum(a => a.Served + a.Failed);
        long now = NowUnixMs;
        if (answers == live.StoredAnswers && live.Mark == live.StoredMark && now - live.StoredUnixMs < KeepEveryMs)
        {
            return;
        }

        await _store.SaveCountsAsync(new RolloutCounts(rollout.Id, now, live.Mark, arms), CancellationToken.None)
            .ConfigureAwait(false);
        (live.StoredAnswers, live.StoredMark, live.StoredUnixMs) = (answers, live.Mark, now);
    }

    private static string Describe(ModelRollout r) => JsonSerializer.Serialize(
        new RolloutDetail(r.Id, r.From, r.To, r.Phase.Word(), r.Share, r.Steps, r.Reason),
        RolloutJson.Default.RolloutDetail);

    /// <summary>What is counted of a model's rollout under way.</summary>
    private sealed class Live
    {
        public VersionTally Tally { get; private init; } = new();

        public long StoredAnswers { get; set; } = -1;

        public RolloutMark StoredMark { get; set; }

        public long StoredUnixMs { get; set; }

        public static Live From(RolloutCounts? counts) => counts is null ? new Live() : new Live
        {
            Tally = VersionTally.From(counts.Arms), Mark = counts.Mark,
        };

        public RolloutMark Mark { get; set; }
    }
}

/// <summary>What the audit log keeps of a change.</summary>
internal sealed record RolloutDetail(
    long Id, string From, string To, string Phase, double Share, IReadOnlyList<double> Steps, string Reason);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(RolloutDetail))]
internal sealed partial class RolloutJson : JsonSerializerContext;
