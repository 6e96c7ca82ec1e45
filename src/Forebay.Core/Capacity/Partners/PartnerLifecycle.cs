using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Partners;

/// <summary>What came of a step: the next partner and what happened, or why not.</summary>
/// <param name="Next">The partner to go on with; null when refused.</param>
/// <param name="Event">What happened, such as <c>signed</c>.</param>
/// <param name="Refusal">What is missing and what to do; null when done.</param>
public sealed record PartnerStep(Partner? Next, string Event, string? Refusal = null)
{
    public static PartnerStep Refused(string why) => new(null, "", why);
}

/// <summary>
/// The life of a partner: offer, signed, connected, acceptance, ramping, in service, draining, exited. Each step is a
/// function of the partner and the time; nothing is done here. What a step means for the fleet and the ledger follows
/// from the partner alone (<see cref="PartnerPlan"/>), so a process that dies between the two makes it up at its start.
/// </summary>
public static class PartnerLifecycle
{
    private const long MsPerDay = 86_400_000;

    public static Partner Begin(OnboardingConfig offer) => new()
    {
        Id = offer.Id, Revision = 1, State = PartnerState.Offer, Offer = offer,
    };

    public static PartnerStep Sign(Partner partner, string? contract) =>
        partner.State != PartnerState.Offer ? Not(partner, "signed", PartnerState.Offer)
        : string.IsNullOrWhiteSpace(contract) ? PartnerStep.Refused(
            $"{partner.Id} waits for its contract: name what was signed " +
            $"(forebay provider sign {partner.Id} --contract REF).")
        : new PartnerStep(To(partner, PartnerState.Signed) with { Contract = contract }, "signed");

    /// <param name="partner">The partner.</param>
    /// <param name="problems">What each pool's endpoint has wrong, by pool; empty where all answer.</param>
    public static PartnerStep Connect(Partner partner, IReadOnlyDictionary<string, string> problems)
    {
        if (partner.State != PartnerState.Signed)
        {
            return Not(partner, "connected", PartnerState.Signed);
        }

        string[] unreached =
            [.. partner.Offer.Pools.Select(p => p.Id).Except(partner.Offer.Connections.Select(c => c.Pool))];
        if (unreached.Length > 0)
        {
            return PartnerStep.Refused(
                $"{partner.Id} has no connection for {string.Join(", ", unreached)}: add it under connections, and " +
                "give the file again (forebay provider onboard FILE).");
        }

        return problems.Count > 0
            ? PartnerStep.Refused($"{partner.Id} is not reached: " +
                string.Join("; ", problems.Select(p => $"{p.Key}: {p.Value}")) +
                $". Correct that and try again (forebay provider connect {partner.Id}).")
            : new PartnerStep(To(partner, PartnerState.Connected), "connected");
    }

    /// <summary>Whether an acceptance may run now; one may run again as long as the partner is in the fleet.</summary>
    public static string? CannotAccept(Partner partner, long nowUnixMs) =>
        partner.State is PartnerState.Connected or PartnerState.Acceptance or PartnerState.Ramping
            or PartnerState.InService
            ? PartnerPlan.PromisedNow(partner, nowUnixMs) > 0 ? null
                : $"Nothing of {partner.Id} is contracted today: its ramp or term has not begun, or has ended. " +
                    $"It begins {WhenOf(PartnerPlan.FirstContracted(partner, nowUnixMs))}."
            : Not(partner, "accepted", PartnerState.Connected).Refusal;

    public static PartnerStep BeginAcceptance(Partner partner, long nowUnixMs) =>
        CannotAccept(partner, nowUnixMs) is { } why ? PartnerStep.Refused(why)
        : partner.State == PartnerState.Connected
            ? new PartnerStep(To(partner, PartnerState.Acceptance), "acceptance.begun")
            : new PartnerStep(partner, "");

    /// <summary>
    /// Puts an acceptance on record: each pool counts with its measured share from now on; a shortfall starts the cure
    /// clock, the first one found; a pass of every pool stops it.
    /// </summary>
    public static PartnerStep EndAcceptance(Partner partner, ImmutableArray<AcceptanceReport> reports, long nowUnixMs)
    {
        if (CannotAccept(partner, nowUnixMs) is { } why)
        {
            return PartnerStep.Refused(why);
        }

        bool shortfall = reports.Any(r => r.Verdict != AcceptanceVerdict.Passed);
        bool nothing = reports.All(r => r.Verdict == AcceptanceVerdict.Failed);
        long since = partner.ShortSinceUnixMs ?? nowUnixMs;
        Partner next = partner with
        {
            Revision = partner.Revision + 1,
            Acceptances = reports,
            Shares =
            [
                .. partner.Shares.Where(s => s.FromUnixMs < nowUnixMs),
                .. reports.Select(r => new AcceptedShare(
                    r.Measured.Pool, nowUnixMs, r.Usable, Math.Max(1, r.Promised.Quantity))),
            ],
            ShortSinceUnixMs = shortfall ? since : null,
            CureUntilUnixMs = shortfall ? CureEnd(partner, since) : null,
            CureMissed = shortfall && partner.CureMissed,
        };
        PartnerState state = nothing && !partner.InFleet ? PartnerState.Acceptance
            : !shortfall && PartnerPlan.IsFull(next, nowUnixMs) ? PartnerState.InService
            : PartnerState.Ramping;
        return new PartnerStep(
            next with { State = state }, shortfall ? "acceptance.shortfall" : "acceptance.passed");
    }

    /// <summary>What time alone does: the ramp reaches the full quantity, the time for a cure runs out. The same
    /// partner and no event where it does nothing.</summary>
    public static PartnerStep Tick(Partner partner, long nowUnixMs)
    {
        if (partner is { CureUntilUnixMs: { } until, CureMissed: false } && nowUnixMs >= until && partner.InFleet)
        {
            return new PartnerStep(
                partner with { Revision = partner.Revision + 1, CureMissed = true }, "cure.missed");
        }

        return partner is { State: PartnerState.Ramping, ShortSinceUnixMs: null }
            && PartnerPlan.IsFull(partner, nowUnixMs)
            ? new PartnerStep(To(partner, PartnerState.InService), "in_service")
            : new PartnerStep(partner, "");
    }

    /// <summary>The provider takes capacity back, also during the ramp.</summary>
    /// <param name="partner">The partner.</param>
    /// <param name="atUnixMs">From when.</param>
    /// <param name="quantity">Of each pool; null for all.</param>
    /// <param name="saidUnixMs">When it said so.</param>
    /// <param name="withdrawal">The withdrawal that carries it out: its notice is put on record once.</param>
    public static PartnerStep Reclaim(
        Partner partner, long atUnixMs, long? quantity, long saidUnixMs, string? withdrawal = null)
    {
        if (withdrawal is not null && partner.Reclaims.Any(r => r.Withdrawal == withdrawal))
        {
            return new PartnerStep(partner, "");
        }

        if (!partner.InFleet)
        {
            return PartnerStep.Refused($"{partner.Id} is {WordOf(partner.State)}: it has nothing to take back.");
        }

        if (quantity is <= 0)
        {
            return PartnerStep.Refused("A reclaim takes more than 0 of each pool; leave the quantity out for all.");
        }

        double owed = partner.Offer.Commitment.NoticeDays is { HasNumber: true } notice ? (double)notice.Low : 0;
        double given = (atUnixMs - saidUnixMs) / (double)MsPerDay;
        var said = new ReclaimNotice(atUnixMs, quantity, saidUnixMs, Math.Max(0, owed - given))
        {
            Withdrawal = withdrawal,
        };
        return new PartnerStep(
            partner with { Revision = partner.Revision + 1, Reclaims = partner.Reclaims.Add(said) },
            said.ShortByDays > 0 ? "reclaim.short_notice" : "reclaim");
    }

    /// <summary>What was reclaimed is back, or will not be reclaimed: the notice of that withdrawal ends. No event
    /// where it has ended, or was never on record.</summary>
    public static PartnerStep ReturnReclaimed(Partner partner, string withdrawal, long nowUnixMs)
    {
        ReclaimNotice? notice = partner.Reclaims.FirstOrDefault(
            r => r.Withdrawal == withdrawal && r.ReturnedUnixMs is null);
        return notice is null ? new PartnerStep(partner, "") : new PartnerStep(
            partner with
            {
                Revision = partner.Revision + 1,
                Reclaims = partner.Reclaims.Replace(notice, notice with { ReturnedUnixMs = nowUnixMs }),
            },
            "reclaim.returned");
    }

    public static PartnerStep Drain(Partner partner, long nowUnixMs) =>
        partner.State is PartnerState.Ramping or PartnerState.InService
            ? new PartnerStep(To(partner, PartnerState.Draining) with { DrainedSinceUnixMs = nowUnixMs }, "draining")
            : Not(partner, "drained", PartnerState.InService);

    /// <param name="partner">The partner.</param>
    /// <param name="held">Deployments, jobs and the like that still use its pools, in words.</param>
    /// <param name="nowUnixMs">Now.</param>
    public static PartnerStep Exit(Partner partner, IReadOnlyList<string> held, long nowUnixMs) =>
        partner.State == PartnerState.Exited ? PartnerStep.Refused($"{partner.Id} has exited already.")
        : partner.State is PartnerState.Ramping or PartnerState.InService ? PartnerStep.Refused(
            $"{partner.Id} is {WordOf(partner.State)}: drain it first (forebay provider drain {partner.Id}).")
        : held.Count > 0 ? PartnerStep.Refused(
            $"{partner.Id} is still used by {string.Join(", ", held.Take(10))}" +
            $"{(held.Count > 10 ? $" and {held.Count - 10} more" : "")}. Move or remove them first.")
        : new PartnerStep(To(partner, PartnerState.Exited) with { ExitedUnixMs = nowUnixMs }, "exited");

    /// <summary>Takes a corrected file over while nothing counts yet.</summary>
    public static PartnerStep Amend(Partner partner, OnboardingConfig offer) =>
        partner.State is PartnerState.Offer or PartnerState.Signed or PartnerState.Connected or PartnerState.Acceptance
            ? new PartnerStep(
                To(partner, partner.State == PartnerState.Offer ? PartnerState.Offer : PartnerState.Signed) with
                {
                    Offer = offer,
                },
                "amended")
            : PartnerStep.Refused(
                $"{partner.Id} is {WordOf(partner.State)}: its terms are in force. Onboard what changed under " +
                "another id, or drain and exit this one first.");

    /// <summary>What the partner waits for, in words.</summary>
    public static string WaitsFor(Partner partner) => partner.State switch
    {
        PartnerState.Offer => $"the contract: forebay provider sign {partner.Id} --contract REF",
        PartnerState.Signed => $"its endpoints: forebay provider connect {partner.Id}",
        PartnerState.Connected or PartnerState.Acceptance => $"an acceptance: forebay provider accept {partner.Id}",
        PartnerState.Ramping => partner.ShortSinceUnixMs is null
            ? "the rest of its ramp; nothing to do"
            : $"its shortfall to be cured{(partner.CureUntilUnixMs is { } u ? $" by {WhenOf(u)}" : "")}, then: " +
                $"forebay provider accept {partner.Id}",
        PartnerState.InService => "nothing",
        PartnerState.Draining => $"its pools to be empty, then: forebay provider exit {partner.Id}",
        _ => "nothing; it has left",
    };

    public static string WordOf(PartnerState state) => state switch
    {
        PartnerState.InService => "in service",
        PartnerState.Offer => "an offer",
        PartnerState.Acceptance => "in acceptance",
        _ => state.ToString().ToLowerInvariant(),
    };

    private static Partner To(Partner partner, PartnerState state) =>
        partner with { State = state, Revision = partner.Revision + 1 };

    private static PartnerStep Not(Partner partner, string done, PartnerState needed) => PartnerStep.Refused(
        $"{partner.Id} is {WordOf(partner.State)}, and only one that is {WordOf(needed)} can be {done}. It waits for " +
        $"{WaitsFor(partner)}.");

    private static long? CureEnd(Partner partner, long since) =>
        partner.Offer.Commitment.CureDays is { HasNumber: true } cure ? since + (long)(cure.Low * MsPerDay) : null;

    private static string WhenOf(long? unixMs) => unixMs is { } ms
        ? DateTimeOffset.FromUnixTimeMilliseconds(ms).ToString("yyyy-MM-dd HH:mm 'UTC'")
        : "never by its terms";
}
