using System.Globalization;
using Forebay.Control.Admin.Contract;
using Forebay.Control.Errors;
using Forebay.Control.Limits.Following;
using Forebay.Core.Config;
using Forebay.Core.Limits.Following;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>Limits that follow capacity: what is proposed, applied, rolled back, and how it was worked out.</summary>
internal sealed class FollowingEndpoints(AdminServices services)
{
    private const int Most = 1000;
    private const int Usual = 20;
    private const double HourMs = 3_600_000;

    public async Task ShowAsync(AdminCall call)
    {
        new QueryFields(call.Http.Request.Query).Done();
        FollowingStep step = await services.Following.LookAsync(call.Cancel).ConfigureAwait(false);
        await ReplyAsync(call, StatusCodes.Status200OK, step, null).ConfigureAwait(false);
    }

    public async Task ProposeAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        body.Done();
        (FollowingStep step, RecordedProposal? proposal) = await services.Following
            .ProposeAsync(call.Actor, call.Cancel).ConfigureAwait(false);
        await ReplyAsync(
            call, proposal is null ? StatusCodes.Status200OK : StatusCodes.Status201Created, step, proposal?.Id)
            .ConfigureAwait(false);
    }

    public async Task ListAsync(AdminCall call)
    {
        int most = MostOf(call);
        IReadOnlyList<RecordedProposal> proposals = await services.Following.ListAsync(most, call.Cancel)
            .ConfigureAwait(false);
        await call.ReplyAsync(
            StatusCodes.Status200OK,
            new LimitProposalListView([.. proposals.Select(ViewOf)]),
            AdminJson.Default.LimitProposalListView).ConfigureAwait(false);
    }

    public async Task VersionsAsync(AdminCall call)
    {
        int most = MostOf(call);
        IReadOnlyList<LimitVersion> versions = await services.Following.ListVersionsAsync(most, call.Cancel)
            .ConfigureAwait(false);
        await call.ReplyAsync(
            StatusCodes.Status200OK,
            new LimitVersionListView([.. versions.Select(ViewOf)]),
            AdminJson.Default.LimitVersionListView).ConfigureAwait(false);
    }

    public async Task ApplyAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        body.Done();
        if (!long.TryParse(call.Id, NumberStyles.None, CultureInfo.InvariantCulture, out long id))
        {
            throw new RefusedException(
                RefusalKind.NotFound, "A proposal's id is a number. `forebay limits proposals` lists them.");
        }

        LimitVersion version = await services.Following.ApplyAsync(id, call.Actor).ConfigureAwait(false);
        await ReplyAsync(call, version).ConfigureAwait(false);
    }

    public async Task RollbackAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        long? version = Whole(body, "version");
        long? proposal = Whole(body, "proposal");
        body.Done();
        LimitVersion back = await services.Following.RollbackAsync(proposal, version, call.Actor)
            .ConfigureAwait(false);
        await ReplyAsync(call, back).ConfigureAwait(false);
    }

    /// <summary>What an operator must know of without asking.</summary>
    public static IReadOnlyList<string> AlarmsOf(FollowingView view) =>
    [
        .. (view.LastStep?.Refused ?? []).Select(r => $"limits stay as they are: {r}"),
        .. (view.LastStep?.Standings ?? []).Where(s => s.UncoveredTokensPerMinute > 0).Select(s => string.Create(
            CultureInfo.InvariantCulture,
            $"class {s.Class}: demand at what tiers promise passes all capacity by {s.UncoveredTokensPerMinute:#,0} " +
            $"tokens/min; requests wait and are shed by priority class")),
        .. (view.LastStep?.Standings ?? []).Where(s => s is { UncoveredTokensPerMinute: 0, IsPromiseSafe: false })
            .Select(s =>
                $"class {s.Class}: what tiers promise is covered, but not after the loss of the largest group"),
    ];

    private static long? Whole(BodyFields body, string name)
    {
        double? number = body.OptionalNumber(name, 3);
        if (number is { } n && (n != Math.Floor(n) || n < 0 || n > 1L << 52))
        {
            body.Add(name, "is not a whole number.", $"Send \"{name}\": 3.");
            return null;
        }

        return (long?)number;
    }

    private static int MostOf(AdminCall call)
    {
        var fields = new QueryFields(call.Http.Request.Query);
        long most = fields.Number("limit", Usual, 1, Most);
        fields.Done();
        return (int)most;
    }

    private Task ReplyAsync(AdminCall call, int status, FollowingStep step, long? id)
    {
        FollowingView view = services.Following.View;
        return call.ReplyAsync(
            status,
            new LimitsFollowingView(
                ConfigShape.Of(typeof(FollowMode)).WordOf(services.Following.Rules.Mode),
                ViewOf(view.InForce),
                view.Last.Number == view.InForce.Number ? null : ViewOf(view.Last),
                [.. step.Standings.Select(ViewOf)],
                step.Arithmetic,
                step.Refused,
                step.Proposal is { } proposal ? ViewOf(proposal) : null,
                id),
            AdminJson.Default.LimitsFollowingView);
    }

    private static Task ReplyAsync(AdminCall call, LimitVersion version) =>
        call.ReplyAsync(StatusCodes.Status200OK, ViewOf(version), AdminJson.Default.LimitVersionView);

    private static ClassStandingView ViewOf(ClassStanding s) => new(
        ClassOf(s.Class),
        double.IsFinite(s.HeadroomRatio) ? s.HeadroomRatio : null,
        s.UncoveredTokensPerMinute,
        s.IsPromiseSafe,
        s.IsShort);

    private static LimitProposalView ViewOf(RecordedProposal p) => new(
        p.Id,
        p.At,
        p.BaseVersion,
        ConfigShape.Of(typeof(ProposalState)).WordOf(p.State),
        p.ProposedBy,
        p.DecidedAt,
        p.DecidedBy,
        ViewOf(p.Proposal),
        p.Proposal.Arithmetic);

    private static ProposedLimitsView ViewOf(LimitProposal p) => new(
        ConfigShape.Of(typeof(ProposalCause)).WordOf(p.Cause), ViewOf(p.Next), p.AnnounceMs / HourMs,
        p.ByUnixMs is { } by ? DateTimeOffset.FromUnixTimeMilliseconds(by) : null);

    private static LimitVersionView ViewOf(LimitVersion v) =>
        new(v.Number, v.At, v.EffectiveAt, v.Actor, v.Proposal, v.RolledBack, ViewOf(v.Multipliers));

    private static IReadOnlyList<MultiplierView> ViewOf(TierMultipliers multipliers) =>
    [
        .. multipliers.Entries.Select(e => new MultiplierView(e.Tier, ClassOf(e.Class), e.Value, e.Words())),
    ];

    private static string? ClassOf(string modelClass) =>
        modelClass == TierMultipliers.Unclassed ? null : modelClass;
}
