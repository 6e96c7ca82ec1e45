using System.Collections.Immutable;
using System.Text.Json;
using Forebay.Control.Audit;
using Forebay.Control.Capacity;
using Forebay.Control.Errors;
using Forebay.Control.FleetFile;
using Forebay.Control.Withdrawals;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Partners;
using Forebay.Core.Capacity.Withdrawals;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Fleet.Managed;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.Partners;

/// <summary>What came of onboarding or walking a partner on.</summary>
/// <param name="Partner">The partner as it stands; null where the file has problems.</param>
/// <param name="WaitsFor">What it waits for.</param>
/// <param name="Problems">What is wrong with the file.</param>
public sealed record PartnerWalk(Partner? Partner, string WaitsFor, IReadOnlyList<FleetFileProblem> Problems);

/// <summary>
/// Partners of a running server. Each step is decided in Core, stands in the audit log, is saved with what made it, and
/// then shows in the fleet and the ledger; a process that dies between makes the rest up at its start. Two operators at
/// once: one step at a time here, and of two processes the store lets one win.
/// </summary>
public sealed class PartnerService(
    IPartnerStore store,
    CapacityService capacity,
    Func<IManagedFleet> fleet,
    Func<FleetModel> model,
    IAcceptanceProbe probe,
    AuditedChange change,
    TimeProvider time,
    ILogger<PartnerService> logger) : IReclaimNotices, IDisposable
{
    private const string ClockActor = "clock";

    private readonly SemaphoreSlim _gate = new(1, 1);
    private ImmutableSortedDictionary<string, Partner> _partners =
        ImmutableSortedDictionary.Create<string, Partner>(StringComparer.Ordinal);

    public IReadOnlyCollection<Partner> Partners => [.. Volatile.Read(ref _partners).Values];

    /// <summary>Told of each step, after it is saved. Must be quick and not throw.</summary>
    public Action? Changed { get; set; }

    /// <summary>Reads the partners. What they add to the fleet joins it with the first snapshot.</summary>
    public async Task<ManagedObjects> LoadAsync(CancellationToken cancel)
    {
        IReadOnlyList<Partner> stored = await store.ListPartnersAsync(cancel).ConfigureAwait(false);
        Volatile.Write(ref _partners, _partners.Clear().AddRange(stored.Select(p => KeyValuePair.Create(p.Id, p))));
        return stored.Where(p => p.InFleet).Aggregate(
            ManagedObjects.None, static (m, p) => m.With(p.Owner, PartnerPlan.PartOf(p)));
    }

    /// <summary>Whether a pool belongs to a partner that is drained: nothing new goes there, and what is there leaves.
    /// </summary>
    public bool IsDrained(string pool) => Volatile.Read(ref _partners).Values.Any(
        p => p.State == PartnerState.Draining && p.Offer.Pools.Any(own => own.Id == pool));

    /// <exception cref="RefusedException">There is none.</exception>
    public Partner Find(string id) => _partners.GetValueOrDefault(id) ?? throw new RefusedException(
        RefusalKind.NotFound, $"There is no partner '{Words.Escape(id)}'. `forebay provider list` shows them.");

    public Task<IReadOnlyList<PartnerEvent>> HistoryAsync(string id, CancellationToken cancel) =>
        store.ReadPartnerEventsAsync(Find(id).Id, cancel);

    /// <summary>Reads an onboarding file and walks as far as it can: a known partner takes a corrected file over.
    /// </summary>
    public async Task<PartnerWalk> OnboardAsync(
        string text, string name, string? contract, string actor, CancellationToken cancel)
    {
        var file = OnboardingFile.Read(text, name);
        if (file.Offer is not { } offer)
        {
            return new PartnerWalk(null, "", file.Problems);
        }

        IReadOnlyList<ConfigProblem> clashes = fleet().Check(managed => Pending(managed, offer));
        if (clashes.Count > 0)
        {
            return new PartnerWalk(null, "", [.. clashes.Select(file.Locate)]);
        }

        await StepAsync(
            offer.Id,
            old => old is null
                ? new PartnerStep(PartnerLifecycle.Begin(offer), "offer")
                : PartnerLifecycle.Amend(old, offer),
            actor,
            cancel,
            mayBegin: true).ConfigureAwait(false);
        return await WalkAsync(offer.Id, contract, actor, cancel).ConfigureAwait(false);
    }

    /// <summary>Takes every step that nothing stands in the way of, up to an acceptance.</summary>
    public async Task<PartnerWalk> WalkAsync(string id, string? contract, string actor, CancellationToken cancel)
    {
        try
        {
            if (Find(id).State == PartnerState.Offer && contract is not null)
            {
                await SignAsync(id, contract, actor, cancel).ConfigureAwait(false);
            }

            if (Find(id).State == PartnerState.Signed)
            {
                await ConnectAsync(id, actor, cancel).ConfigureAwait(false);
            }

            if (Find(id).State is PartnerState.Connected or PartnerState.Acceptance)
            {
                await AcceptAsync(id, actor, cancel).ConfigureAwait(false);
            }
        }
        catch (RefusedException e) when (e.Kind == RefusalKind.Conflict)
        {
            return new PartnerWalk(Find(id), e.Message, []);
        }

        Partner partner = Find(id);
        return new PartnerWalk(partner, PartnerLifecycle.WaitsFor(partner), []);
    }

    public Task<Partner> SignAsync(string id, string? contract, string actor, CancellationToken cancel) =>
        StepAsync(id, p => PartnerLifecycle.Sign(p!, contract), actor, cancel);

    public async Task<Partner> ConnectAsync(string id, string actor, CancellationToken cancel)
    {
        Partner partner = Find(id);
        var problems = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (partner.State == PartnerState.Signed)
        {
            foreach (ConnectionConfig connection in partner.Offer.Connections)
            {
                if (await probe.ConnectAsync(connection, cancel).ConfigureAwait(false) is { } problem)
                {
                    problems[connection.Pool] = problem;
                }
            }
        }

        return await StepAsync(id, p => Unchanged(p!, partner) ?? PartnerLifecycle.Connect(p!, problems), actor, cancel)
            .ConfigureAwait(false);
    }

    /// <summary>Probes every pool and puts what was found on record. Others may act meanwhile; then this one is told.
    /// </summary>
    public async Task<Partner> AcceptAsync(string id, string actor, CancellationToken cancel)
    {
        Partner begun = await StepAsync(
            id, p => PartnerLifecycle.BeginAcceptance(p!, NowMs()), actor, cancel).ConfigureAwait(false);
        var reports = ImmutableArray.CreateBuilder<AcceptanceReport>();
        foreach (ConnectionConfig connection in begun.Offer.Connections)
        {
            PoolConfig pool = begun.Offer.Pools.First(p => p.Id == connection.Pool);
            (CapacityLane lane, StepFunction contracted) =
                ContractedSupply.Of(pool, begun.Offer.Commitment).First();
            long promised = contracted.At(NowMs());
            bool accelerators = lane.Unit == CapacityUnit.Accelerators;
            ProbeMeasurement measured = await probe.MeasureAsync(
                connection, begun.Offer.Acceptance, accelerators ? promised : 0, cancel).ConfigureAwait(false);
            reports.Add(Acceptance.Judge(
                measured,
                new ProbePromise(promised, accelerators, connection.OutputTokensPerSecond),
                begun.Offer.Acceptance));
        }

        return await StepAsync(
            id,
            p => Unchanged(p!, begun) ?? PartnerLifecycle.EndAcceptance(p!, reports.ToImmutable(), NowMs()),
            actor,
            cancel).ConfigureAwait(false);
    }

    public Task<Partner> ReclaimAsync(
        string id, DateTimeOffset at, long? quantity, string actor, CancellationToken cancel) => StepAsync(
        id, p => PartnerLifecycle.Reclaim(p!, at.ToUnixTimeMilliseconds(), quantity, NowMs()), actor, cancel);

    /// <summary>The partner that a commitment in the fleet is of; null for one of the fleet file.</summary>
    public string? OwnerOf(string commitment) => Volatile.Read(ref _partners).Values
        .FirstOrDefault(p => p.InFleet && p.Offer.Commitment.Id == commitment)?.Id;

    /// <summary>Puts on a partner's record what a withdrawal of its commitment says: the notice, and its end. Asking
    /// again changes nothing.</summary>
    public Task FollowReclaimAsync(WithdrawalRecord record, CancellationToken cancel)
    {
        Withdrawal asked = record.Asked;
        return asked.Partner is null || !_partners.ContainsKey(asked.Partner) ? Task.CompletedTask : StepAsync(
            asked.Partner,
            p => record.Progress.ReturnedUnixMs is { } at
                ? PartnerLifecycle.ReturnReclaimed(p!, asked.Id, at)
                : PartnerLifecycle.Reclaim(p!, asked.FromUnixMs, asked.Quantity, asked.AskedUnixMs, asked.Id),
            asked.Actor,
            cancel);
    }

    public Task<Partner> DrainAsync(string id, string actor, CancellationToken cancel) =>
        StepAsync(id, p => PartnerLifecycle.Drain(p!, NowMs()), actor, cancel);

    public Task<Partner> ExitAsync(string id, string actor, CancellationToken cancel) =>
        StepAsync(id, p => PartnerLifecycle.Exit(p!, HeldBy(p!), NowMs()), actor, cancel);

    /// <summary>What time does, and what a process that died left undone: the fleet and the ledger follow the partners.
    /// </summary>
    public async Task TickAsync(CancellationToken cancel)
    {
        foreach (Partner partner in Partners)
        {
            await StepAsync(partner.Id, p => PartnerLifecycle.Tick(p!, NowMs()), ClockActor, cancel)
                .ConfigureAwait(false);
        }

        await FollowLedgerAsync(ClockActor, cancel).ConfigureAwait(false);
        await capacity.ForgetAsync(cancel).ConfigureAwait(false);
    }

    public void Dispose() => _gate.Dispose();

    private async Task<Partner> StepAsync(
        string id, Func<Partner?, PartnerStep> decide, string actor, CancellationToken cancel, bool mayBegin = false)
    {
        await _gate.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            Partner? old = mayBegin ? _partners.GetValueOrDefault(id) : Find(id);
            if (old is null)
            {
                // Only an offer begins without one.
                PartnerStep first = decide(null);
                return await SaveAsync(null, first, actor).ConfigureAwait(false);
            }

            PartnerStep step = decide(old);
            if (step.Refusal is { } why)
            {
                throw new RefusedException(RefusalKind.Conflict, why);
            }

            Partner next = step.Event.Length == 0 ? old : await SaveAsync(old, step, actor).ConfigureAwait(false);
            await FollowFleetAsync(next, actor, cancel).ConfigureAwait(false);
            await FollowLedgerAsync(actor, cancel).ConfigureAwait(false);
            return next;
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task<Partner> SaveAsync(Partner? old, PartnerStep step, string actor)
    {
        Partner next = step.Next!;
        string detail = JsonSerializer.Serialize(
            new PartnerDetail(
                next.Revision, old is null ? null : PartnerLifecycle.WordOf(old.State),
                PartnerLifecycle.WordOf(next.State),
                [.. next.Acceptances.SelectMany(a => a.Findings.Select(f => $"{a.Measured.Pool}: {f}"))]),
            PartnerDetailJson.Default.PartnerDetail);
        try
        {
            await change.RunAsync(
                new AuditNote(actor, "partner." + step.Event, next.Id, detail),
                () => store.SavePartnerAsync(
                    next,
                    new PartnerEvent(next.Id, next.Revision, NowMs(), actor, step.Event, next.State),
                    CancellationToken.None)).ConfigureAwait(false);
        }
        catch (CapacityConflictException e)
        {
            await LoadAsync(CancellationToken.None).ConfigureAwait(false);
            throw new RefusedException(RefusalKind.Conflict, e.Message, e);
        }

        Volatile.Write(ref _partners, _partners.SetItem(next.Id, next));
        logger.PartnerStepped(next.Id, step.Event, next.State);
        Changed?.Invoke();
        return next;
    }

    /// <summary>The fleet shows the partner as its record says; nothing where it does already.</summary>
    private async Task FollowFleetAsync(Partner partner, string actor, CancellationToken cancel)
    {
        IManagedFleet managed = fleet();
        ManagedPart wanted = PartnerPlan.PartOf(partner);
        IReadOnlyList<ConfigProblem> problems = await managed.ApplyManagedAsync(
            partner.Owner,
            old => ReferenceEquals(old.Pools, wanted.Pools) || (old.Count == 0 && wanted.Count == 0) ? old : wanted,
            actor,
            cancel).ConfigureAwait(false);
        if (problems.Count > 0)
        {
            logger.PartnerNotInFleet(partner.Id, string.Join("; ", problems.Select(p => $"{p.Path}: {p.Message}")));
        }
    }

    private Task<LedgerResult> FollowLedgerAsync(string actor, CancellationToken cancel) =>
        capacity.SyncAsync(model().Config, Partners, actor, cancel);

    /// <summary>What still uses the partner's pools: other owners' and the file's deployments, and leases.</summary>
    private List<string> HeldBy(Partner partner)
    {
        var pools = partner.Offer.Pools.Select(p => p.Id).ToHashSet(StringComparer.Ordinal);
        long now = NowMs();
        return
        [
            .. model().Deployments.Where(d => pools.Contains(d.Pool.Id)).Select(d => $"deployment {d.Id}"),
            .. capacity.Ledger.Lanes.Where(l => pools.Contains(l.Pool))
                .SelectMany(l => capacity.Ledger.LeasesOf(l))
                .Where(l => l.EndUnixMs > now)
                .Select(l => $"lease {l.Id}"),
        ];
    }

    /// <summary>Offers that are not in the fleet yet must not clash with each other either.</summary>
    private ManagedObjects Pending(ManagedObjects managed, OnboardingConfig offer) => _partners.Values
        .Where(p => p.Id != offer.Id && p.State != PartnerState.Exited)
        .Aggregate(managed, static (m, p) => m.With(p.Owner, OnboardingRules.PartOf(p.Offer)))
        .With(Partner.OwnerOf(offer.Id), OnboardingRules.PartOf(offer));

    private static PartnerStep? Unchanged(Partner now, Partner seen) => now.Revision == seen.Revision ? null
        : PartnerStep.Refused($"{now.Id} was changed by somebody else meanwhile. Look at it (forebay provider show " +
            $"{now.Id}) and decide anew.");

    private long NowMs() => time.GetUtcNow().ToUnixTimeMilliseconds();
}
