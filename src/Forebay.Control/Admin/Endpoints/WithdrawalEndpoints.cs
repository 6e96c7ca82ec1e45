using Forebay.Control.Admin.Contract;
using Forebay.Control.Withdrawals;
using Forebay.Core.Capacity.Withdrawals;
using Forebay.Core.Serving;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>Drains, reclaims and drills.</summary>
internal sealed class WithdrawalEndpoints(AdminServices services)
{
    /// <summary>How long work in flight may go on where nobody says.</summary>
    private static readonly TimeSpan StandardCut = TimeSpan.FromMinutes(10);

    /// <summary>How long a drill lasts where nobody says.</summary>
    private static readonly TimeSpan StandardDrill = TimeSpan.FromMinutes(1);

    public async Task ListAsync(AdminCall call)
    {
        IReadOnlyList<WithdrawalRecord> records = await services.Withdrawals.ListAsync(call.Cancel)
            .ConfigureAwait(false);
        await call.ReplyAsync(
            StatusCodes.Status200OK,
            new WithdrawalListView([.. records.Select(ViewOf)]),
            AdminJson.Default.WithdrawalListView).ConfigureAwait(false);
    }

    public async Task OneAsync(AdminCall call) => await ReplyAsync(
        call, await services.Withdrawals.FindAsync(call.Id, call.Cancel).ConfigureAwait(false)).ConfigureAwait(false);

    public async Task AskAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        string kindWord = body.Text("kind", "drain");
        string scopeWord = body.Text("scope", "pool");
        string id = body.Text("id", "h100-east");
        DateTimeOffset? at = body.OptionalTime("at");
        double? cut = body.OptionalNumber("cut_seconds", 600);
        double? length = body.OptionalNumber("for_seconds", 60);
        double? quantity = body.OptionalNumber("quantity", 1000);
        if (quantity is { } q && (q != Math.Floor(q) || q is < 1 or > 1e15))
        {
            body.Add("quantity", "is not a whole number above 0.", "Send whole units, or leave it out for all.");
        }

        WithdrawalKind kind = Known(body, "kind", kindWord, WithdrawalWords.KindOf, "drain, reclaim or drill");
        WithdrawalScope scope = Known(
            body, "scope", scopeWord, WithdrawalWords.ScopeOf, "pool, commitment, site, provider or group");
        bool drill = kind == WithdrawalKind.Drill;
        var request = new WithdrawalRequest(
            kind,
            new WithdrawalTarget(scope, id),
            at,
            Span(cut) ?? (drill ? TimeSpan.Zero : StandardCut),
            Span(length) ?? (drill ? StandardDrill : null),
            quantity is { } units ? (long)Math.Clamp(units, 0, 1e15) : null);
        body.Done(id.Length > 0 ? services.Withdrawals.Check(request) : []);
        await ReplyAsync(
            call,
            await services.Withdrawals.AskAsync(request, call.Actor, call.Cancel).ConfigureAwait(false))
            .ConfigureAwait(false);
    }

    public async Task ReturnAsync(AdminCall call) => await ReplyAsync(
        call,
        await services.Withdrawals.ReturnAsync(call.Id, call.Actor, call.Cancel).ConfigureAwait(false))
        .ConfigureAwait(false);

    private Task ReplyAsync(AdminCall call, WithdrawalRecord record) =>
        call.ReplyAsync(StatusCodes.Status200OK, ViewOf(record), AdminJson.Default.WithdrawalView);

    private static T Known<T>(BodyFields body, string field, string word, Func<string, T?> read, string words)
        where T : struct
    {
        if (word.Length > 0 && read(word) is null)
        {
            body.Add(field, "is none of the known ones.", $"Send {words}.");
        }

        return read(word) ?? default;
    }

    /// <summary>A number too large for a length of time is the longest one.</summary>
    private static TimeSpan? Span(double? seconds) =>
        seconds is { } s ? TimeSpan.FromSeconds(Math.Clamp(s, -1, TimeSpan.FromDays(36_500).TotalSeconds)) : null;

    private WithdrawalView ViewOf(WithdrawalRecord record)
    {
        (Withdrawal asked, WithdrawalProgress progress, WithdrawalReport? report) = record;
        return new WithdrawalView(
            asked.Id,
            asked.Kind.Word(),
            asked.Target.Scope.Word(),
            asked.Target.Id,
            progress.Phase.Word(),
            asked.Actor,
            At(asked.AskedUnixMs),
            At(asked.FromUnixMs),
            At(asked.CutUnixMs),
            At(asked.ReturnUnixMs),
            asked.ShortNoticeDays > 0 ? asked.ShortNoticeDays : null,
            At(progress.TakenOutUnixMs),
            At(progress.EmptiedUnixMs),
            At(progress.ReturnedUnixMs),
            progress.InFlightAtStart,
            progress.CutRequests,
            asked.Quantity,
            asked.Partner,
            [.. services.Fleet.Model.Deployments.Where(asked.Covers).Select(d => d.Id)],
            report is null ? null : ViewOf(report));
    }

    private static ImpactView ViewOf(WithdrawalReport report) => new(
        report.BeforeSeconds,
        report.DuringSeconds,
        report.Served,
        report.Moved,
        report.Refused,
        report.Failed,
        [.. report.Models.Select(m => new ModelImpactView(m.Model, ViewOf(m.Before), ViewOf(m.During)))]);

    private static ServiceView ViewOf(ServiceSummary s) => new(
        s.Requests, s.Served, s.Refused, s.Failed, s.Moved, s.Continued, s.FirstTokenP50Ms, s.FirstTokenP95Ms,
        s.Reasons);

    private static DateTimeOffset At(long unixMs) => DateTimeOffset.FromUnixTimeMilliseconds(unixMs);

    private static DateTimeOffset? At(long? unixMs) => unixMs is { } ms ? At(ms) : null;
}
