using System.Collections.Immutable;
using System.Text.Json;
using Forebay.Control.Audit;
using Forebay.Control.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Limits.Following;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.Limits.Following;

/// <summary>What limits follow now.</summary>
/// <param name="Last">The last decision.</param>
/// <param name="InForce">The one in force; another than the last while that is announced.</param>
/// <param name="LastStep">What the last look at capacity and demand found; null before the first.</param>
public sealed record FollowingView(LimitVersion Last, LimitVersion InForce, FollowingStep? LastStep);

/// <summary>
/// Keeps limits at the multipliers decided on, and makes the decisions: proposes by the controller, applies and rolls
/// back when told to, or by itself where the fleet file says so. Each decision is audited, then on disk whole with the
/// history of every tenant's limits, then in force: a process that dies in between leaves the old ones or the new.
/// </summary>
public sealed class LimitFollowing(
    FleetState fleet, ILimitProposals store, AuditedChange change, TimeProvider time, ILogger<LimitFollowing> logger)
    : IDisposable
{
    /// <summary>Who proposes and, where the fleet file says so, applies.</summary>
    public const string Controller = "controller";

    /// <summary>Decisions kept at hand; a raise is at most a day apart, so that is years.</summary>
    private const int MostVersions = 2000;

    private readonly SemaphoreSlim _gate = new(1, 1);

    /// <summary>The loop and a decision must not put an older one in force after a newer.</summary>
    private readonly Lock _applying = new();
    private readonly HashSet<string> _uncovered = new(StringComparer.Ordinal);
    private ImmutableList<LimitVersion> _versions = [];
    private FollowingState _state = FollowingState.Initial;
    private FollowingStep? _lastStep;
    private RecordedProposal? _open;
    private bool _failing;

    /// <summary>Where inputs come from; set before the first step.</summary>
    public IFollowingInputs? Inputs { get; set; }

    public LimitsFollowConfig Rules => fleet.Model.Config.Server.LimitsFollow;

    public FollowingView View
    {
        get
        {
            ImmutableList<LimitVersion> versions = Volatile.Read(ref _versions);
            return new FollowingView(
                LastOf(versions), LimitVersions.InForce(versions, time.GetUtcNow()), Volatile.Read(ref _lastStep));
        }
    }

    /// <summary>Multipliers that were in force at a time.</summary>
    public TierMultipliers At(DateTimeOffset at) =>
        LimitVersions.InForce(Volatile.Read(ref _versions), at).Multipliers;

    /// <summary>Puts in force what was decided before this process; call before the fleet is put in force.</summary>
    public async Task LoadAsync(CancellationToken cancel)
    {
        IReadOnlyList<LimitVersion> versions = await store.ListVersionsAsync(MostVersions, cancel)
            .ConfigureAwait(false);
        IReadOnlyList<RecordedProposal> proposals = await store.ListAsync(1, cancel).ConfigureAwait(false);
        Volatile.Write(ref _versions, [.. versions]);
        _open = proposals is [{ State: ProposalState.Open } open] ? open : null;
        _state = _state.Decided(LastOf(_versions).Multipliers, 0) with
        {
            LastRaiseMs = LimitVersions.LastRaise(versions)?.ToUnixTimeMilliseconds(),
        };
        StoredHolds? holds = await store.LoadHoldsAsync(cancel).ConfigureAwait(false);
        if (holds?.Version == LastOf(_versions).Number)
        {
            _state = _state with { Holds = holds.GoOn(time.GetUtcNow()) };
        }

        PutInForce();
    }

    /// <summary>Brings limits to the hour and to what was announced for it.</summary>
    /// <returns>When that is to be done next; null while nothing depends on the hour.</returns>
    public DateTimeOffset? PutInForce()
    {
        lock (_applying)
        {
            return PutInForceLocked();
        }
    }

    private DateTimeOffset? PutInForceLocked()
    {
        DateTimeOffset now = time.GetUtcNow();
        ImmutableList<LimitVersion> versions = Volatile.Read(ref _versions);
        LimitVersion inForce = LimitVersions.InForce(versions, now);
        LimitVersion? announced = LimitVersions.Announced(versions, now);
        long nowMs = now.ToUnixTimeMilliseconds();
        int hour = HourOfWeek.Of(nowMs);
        fleet.Multiply(inForce.Multipliers, hour, announced);
        long? next = inForce.Multipliers.HasReductions ? HourOfWeek.NextUnixMs(nowMs) : null;
        next = announced is null ? next
            : Math.Min(next ?? long.MaxValue, announced.EffectiveAt.ToUnixTimeMilliseconds());
        return next is { } ms ? DateTimeOffset.FromUnixTimeMilliseconds(ms) : null;
    }

    /// <summary>One look at capacity and demand: proposes, and applies where the fleet file says so. What cannot be
    /// read now changes nothing.</summary>
    public async Task StepAsync(CancellationToken cancel)
    {
        try
        {
            FollowMode mode = Rules.Mode;
            FollowingStep step = await LookAsync(atOnce: false, keep: true, cancel).ConfigureAwait(false);
            if (step.Proposal is not { } proposal || mode == FollowMode.Off)
            {
                _failing = false;
                return;
            }

            RecordedProposal recorded = await RecordAsync(proposal, Controller, cancel).ConfigureAwait(false);
            if (mode == FollowMode.Apply)
            {
                await ApplyAsync(recorded.Id, Controller).ConfigureAwait(false);
            }

            _failing = false;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Said once, not at every interval, until it works again.
            if (!_failing)
            {
                logger.StepFailed(e);
            }

            _failing = true;
        }
    }

    /// <summary>What would be proposed now, however long it has been possible. Changes nothing.</summary>
    public Task<FollowingStep> LookAsync(CancellationToken cancel) => LookAsync(atOnce: true, keep: false, cancel);

    /// <summary>Records what is possible now, for somebody to apply.</summary>
    /// <returns>The arithmetic, and the proposal; none where nothing would change.</returns>
    public async Task<(FollowingStep Step, RecordedProposal? Proposal)> ProposeAsync(
        string actor, CancellationToken cancel)
    {
        FollowingStep step = await LookAsync(atOnce: true, keep: false, cancel).ConfigureAwait(false);
        return step.Proposal is null
            ? (step, null)
            : (step, await RecordAsync(step.Proposal, actor, cancel).ConfigureAwait(false));
    }

    public Task<IReadOnlyList<RecordedProposal>> ListAsync(int most, CancellationToken cancel) =>
        store.ListAsync(most, cancel);

    public Task<IReadOnlyList<LimitVersion>> ListVersionsAsync(int most, CancellationToken cancel) =>
        store.ListVersionsAsync(most, cancel);

    /// <summary>Applies a proposal. Applying again what the same actor applied last changes nothing.</summary>
    /// <exception cref="RefusedException">There is none; others were faster; limits were raised within the last day; or
    /// the audit log cannot be written.</exception>
    public async Task<LimitVersion> ApplyAsync(long id, string actor)
    {
        await _gate.WaitAsync().ConfigureAwait(false);
        try
        {
            RecordedProposal proposal = await store.FindAsync(id, CancellationToken.None).ConfigureAwait(false)
                ?? throw new RefusedException(
                    RefusalKind.NotFound, $"There is no proposal {id}. `forebay limits proposals` lists them.");
            LimitVersion last = LastOf(_versions);
            if (proposal.State == ProposalState.Applied && last.Proposal == id && last.Actor == actor)
            {
                return last;
            }

            CheckOpen(proposal, last);
            DateTimeOffset now = NotBefore(last);
            if (proposal.Proposal.Next.Against(last.Multipliers).Raises
                && !LimitController.MayRaise(_state.LastRaiseMs, now.ToUnixTimeMilliseconds()))
            {
                DateTimeOffset from = DateTimeOffset
                    .FromUnixTimeMilliseconds(_state.LastRaiseMs!.Value + LimitController.RaiseEveryMs);
                throw new RefusedException(
                    RefusalKind.Conflict, $"Limits are raised at most once a day. Apply it from {from:O} on.");
            }

            return await DecideAsync(
                new LimitVersion(
                    last.Number + 1, now, EffectiveAt(proposal.Proposal, now), proposal.Proposal.Next,
                    id, null, actor),
                last, "limits.apply", $"proposal {id}").ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Takes the last decision back: what was in force or announced before it holds again, at once. That is a
    /// decision itself.</summary>
    /// <param name="proposal">The proposal whose decision is taken back; null for whichever is the last.</param>
    /// <param name="version">The version that the caller saw last; null for not saying.</param>
    /// <param name="actor">Who.</param>
    /// <exception cref="RefusedException">There is nothing to take back, or it is not the last decision.</exception>
    public async Task<LimitVersion> RollbackAsync(long? proposal, long? version, string actor)
    {
        await _gate.WaitAsync().ConfigureAwait(false);
        try
        {
            LimitVersion last = LastOf(_versions);
            if (last.RolledBack is { } back && last.Actor == actor && (proposal ?? version) is not null
                && (version is null || version == back)
                && (proposal is null || _versions.Find(v => v.Number == back)?.Proposal == proposal))
            {
                return last;
            }

            if (last.Number == 0)
            {
                throw new RefusedException(
                    RefusalKind.Conflict, "Limits are what tiers promise; there is nothing to roll back.");
            }

            if ((proposal is { } p && p != last.Proposal) || (version is { } v && v != last.Number))
            {
                throw new RefusedException(
                    RefusalKind.Conflict,
                    $"Only the last decision can be rolled back: {Describe(last)}. See `forebay limits history`.");
            }

            TierMultipliers before = _versions.Count > 1 ? _versions[1].Multipliers : TierMultipliers.Promise;
            DateTimeOffset now = NotBefore(last);
            return await DecideAsync(
                new LimitVersion(last.Number + 1, now, now, before, null, last.Number, actor),
                last, "limits.rollback", $"rollback of version {last.Number}").ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private static LimitVersion LastOf(ImmutableList<LimitVersion> versions) =>
        versions.IsEmpty ? LimitVersion.Promise : versions[0];

    private static string Describe(LimitVersion version) =>
        $"version {version.Number}, decided by {version.Actor} at {version.At:O}"
        + (version.Proposal is { } id ? $" on proposal {id}" : "");

    private static void CheckOpen(RecordedProposal proposal, LimitVersion last)
    {
        string? why = proposal.State switch
        {
            ProposalState.Applied =>
                $"Proposal {proposal.Id} was applied by {proposal.DecidedBy} at {proposal.DecidedAt:O}.",
            ProposalState.Replaced => $"Proposal {proposal.Id} was replaced at {proposal.DecidedAt:O}.",
            _ when proposal.BaseVersion != last.Number =>
                $"Proposal {proposal.Id} starts from version {proposal.BaseVersion}.",
            _ => null,
        };
        if (why is not null)
        {
            throw new RefusedException(
                RefusalKind.Conflict,
                $"{why} In force or announced is {Describe(last)}. Make a new one: `forebay limits propose --record`.");
        }
    }

    /// <summary>A clock that was set back must not date a decision before the one it follows.</summary>
    private DateTimeOffset NotBefore(LimitVersion last)
    {
        DateTimeOffset now = DateTimeOffset.FromUnixTimeMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds());
        return now > last.At ? now : last.At;
    }

    private static DateTimeOffset EffectiveAt(LimitProposal proposal, DateTimeOffset approved) =>
        DateTimeOffset.FromUnixTimeMilliseconds(proposal.EffectiveMs(approved.ToUnixTimeMilliseconds()));

    private async Task<FollowingStep> LookAsync(bool atOnce, bool keep, CancellationToken cancel)
    {
        IFollowingInputs source = Inputs
            ?? throw new InvalidOperationException("The controller has no inputs: set them before the first step.");
        FollowingInputs inputs = await source.ReadAsync(cancel).ConfigureAwait(false);
        await _gate.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            FollowingStep step = LimitController.Step(
                inputs, _state, Rules, time.GetUtcNow().ToUnixTimeMilliseconds(), atOnce);
            if (keep)
            {
                _state = step.Next;
                Alarm(step);
                await store.SaveHoldsAsync(
                    new StoredHolds(LastOf(_versions).Number, time.GetUtcNow(), step.Next.Holds), cancel)
                    .ConfigureAwait(false);
                await WithdrawAsync(inputs, cancel).ConfigureAwait(false);
            }

            Volatile.Write(ref _lastStep, step);
            return step;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>An open proposal that capacity and demand do not bear out any more must not be applied.</summary>
    private async Task WithdrawAsync(FollowingInputs inputs, CancellationToken cancel)
    {
        if (_open is not { } open)
        {
            return;
        }

        long nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        FollowingStep now = LimitController.Step(
            inputs, _state with { LastRaiseMs = null }, Rules with { LeastHistoryHours = 0 }, nowMs, atOnce: true);
        bool raises = open.Proposal.Cause == ProposalCause.Raise;
        if (now.Refused.IsEmpty && (now.Proposal is not { } possible
            || raises != (possible.Cause == ProposalCause.Raise)
            || (raises && possible.Next.Against(open.Proposal.Next).Lowers)))
        {
            await store.WithdrawAsync(Controller, time.GetUtcNow(), cancel).ConfigureAwait(false);
            _open = null;
        }
    }

    private void Alarm(FollowingStep step)
    {
        foreach (string problem in step.Refused)
        {
            logger.InputsRefused(problem);
        }

        foreach (ClassStanding standing in step.Standings)
        {
            if (standing.UncoveredTokensPerMinute > 0 && _uncovered.Add(standing.Class))
            {
                logger.Uncovered(standing.Class, standing.UncoveredTokensPerMinute);
            }
            else if (standing.UncoveredTokensPerMinute == 0 && _uncovered.Remove(standing.Class))
            {
                logger.Covered(standing.Class);
            }
        }
    }

    /// <summary>The same proposal is recorded once, however often it is made.</summary>
    private async Task<RecordedProposal> RecordAsync(LimitProposal proposal, string actor, CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            long last = LastOf(_versions).Number;
            if (_open is { } open && open.BaseVersion == last && open.Proposal.Cause == proposal.Cause
                && open.Proposal.Next.Equals(proposal.Next))
            {
                return open;
            }

            _open = await store.AddAsync(proposal, last, actor, time.GetUtcNow(), cancel).ConfigureAwait(false);
            logger.Proposed(_open.Id, proposal.Cause.ToString());
            return _open;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Audits, stores, puts in force, in that order.</summary>
    private async Task<LimitVersion> DecideAsync(
        LimitVersion version, LimitVersion last, string action, string source)
    {
        string detail = JsonSerializer.Serialize(
            new DecisionDetail(
                version.Number, version.EffectiveAt, last.Multipliers.ToText(), version.Multipliers.ToText()),
            DecisionJson.Default.DecisionDetail);
        await change.RunAsync(new AuditNote(version.Actor, action, source, detail), async () =>
        {
            IReadOnlyList<TenantTerms> terms = LimitChanges.TermsOf(fleet.Model, version.Multipliers);
            if (!await store.DecideAsync(version, terms, source, CancellationToken.None).ConfigureAwait(false))
            {
                await ReloadAsync().ConfigureAwait(false);
                throw new RefusedException(
                    RefusalKind.Conflict, $"Somebody else decided first: {Describe(LastOf(_versions))}.");
            }

            Volatile.Write(ref _versions, _versions.Insert(0, version));
            _state = _state.Decided(version.Multipliers, version.At.ToUnixTimeMilliseconds());
            _open = null;
            PutInForce();
        }).ConfigureAwait(false);
        logger.Decided(version.Number, version.Actor, version.EffectiveAt);
        return version;
    }

    private async Task ReloadAsync()
    {
        IReadOnlyList<LimitVersion> versions = await store
            .ListVersionsAsync(MostVersions, CancellationToken.None).ConfigureAwait(false);
        Volatile.Write(ref _versions, [.. versions]);
        _open = null;
        _state = _state.Decided(LastOf(_versions).Multipliers, 0) with
        {
            LastRaiseMs = LimitVersions.LastRaise(versions)?.ToUnixTimeMilliseconds(),
        };
        PutInForce();
    }
}
