using Forebay.Control.Admin.Contract;
using Forebay.Core.Capacity.Partners;

namespace Forebay.Control.Partners;

/// <summary>Partners as the admin API shows them.</summary>
internal static class PartnerViews
{
    public static PartnerView Of(Partner p, IReadOnlyList<PartnerEvent>? history = null) => new(
        p.Id,
        WordOf(p.State),
        p.Revision,
        p.Contract,
        p.Offer.Commitment.Id,
        [.. p.Offer.Pools.Select(pool => pool.Id)],
        PartnerLifecycle.WaitsFor(p),
        [.. p.Acceptances.Select(Of)],
        TimeOf(p.ShortSinceUnixMs),
        TimeOf(p.CureUntilUnixMs),
        p.CureMissed,
        [.. p.Reclaims.Select(r => new ReclaimView(
            TimeOf(r.AtUnixMs)!.Value, r.Quantity, TimeOf(r.SaidUnixMs)!.Value, Math.Round(r.ShortByDays, 2),
            r.Withdrawal, TimeOf(r.ReturnedUnixMs)))],
        history is null ? null : [.. history.Select(e => new PartnerEventView(
            e.Revision, TimeOf(e.AtUnixMs)!.Value, e.Actor, e.Event, WordOf(e.State)))]);

    private static AcceptanceView Of(AcceptanceReport r) => new(
        r.Measured.Pool,
        TimeOf(r.Measured.AtUnixMs)!.Value,
        r.Verdict.ToString().ToLowerInvariant(),
        r.Promised.Quantity,
        r.Measured.Accelerators,
        r.Measured.CountBasis.ToString().ToLowerInvariant(),
        r.Usable,
        r.Measured.Requests,
        r.Measured.Failed,
        Math.Round(r.Measured.OutputTokensPerSecond, 1),
        Math.Round(r.Measured.TimeToFirstTokenP50Ms, 1),
        Math.Round(r.Measured.TimeToFirstTokenP95Ms, 1),
        r.Findings,
        r.Measured.Problems);

    private static string WordOf(PartnerState state) =>
        state == PartnerState.InService ? "in_service" : state.ToString().ToLowerInvariant();

    private static DateTimeOffset? TimeOf(long? unixMs) =>
        unixMs is { } ms ? DateTimeOffset.FromUnixTimeMilliseconds(ms) : null;
}
