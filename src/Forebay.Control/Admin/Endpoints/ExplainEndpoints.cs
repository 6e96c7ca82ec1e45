using System.Globalization;
using Forebay.Control.Admin.Contract;
using Forebay.Control.Audit;
using Forebay.Control.Errors;
using Forebay.Core.Serving.Explain;
using Forebay.Core.Time;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>Why requests went where they went.</summary>
internal sealed class ExplainEndpoints(AdminServices services)
{
    private const string IdPrefix = "req_";
    private const double DefaultSeconds = 600;
    private const double MaxSeconds = 86_400;

    public Task OneAsync(AdminCall call)
    {
        Explanation story = (TryParse(call.Id, out UInt128 id) ? services.Fleet.Explanations.Find(id) : null)
            ?? throw new RefusedException(
                RefusalKind.NotFound,
                "Nothing is kept of that request: it was not sampled, is too old, or the id is wrong. Requests that " +
                "fail or are retried are kept; watch a tenant to keep all of its.");
        return call.ReplyAsync(StatusCodes.Status200OK, ViewOf(story), AdminJson.Default.ExplanationView);
    }

    public Task ListAsync(AdminCall call)
    {
        var fields = new QueryFields(call.Http.Request.Query);
        string? tenant = fields.Text("tenant");
        long limit = fields.Number("limit", 100, 1, 1000);
        fields.Done();
        var view = new ExplainListView(
        [
            .. services.Fleet.Explanations.Latest((int)limit, tenant).Select(e => new ExplainEntryView(
                IdOf(e), At(e), e.Tenant, e.Model, WordOf(e.Cause), e.Steps[^1].Text)),
        ]);
        return call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.ExplainListView);
    }

    public async Task WatchAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        double seconds = body.OptionalNumber("seconds", DefaultSeconds) ?? DefaultSeconds;
        if (seconds is < 0 or > MaxSeconds)
        {
            body.Add("seconds", "is out of range.", $"Send 0 to {MaxSeconds:0}; 0 ends it.");
        }

        body.Done();
        string tenant = services.Fleet.Model.FindTenant(call.Id)?.Id ?? throw new RefusedException(
            RefusalKind.NotFound, "There is no such tenant in the fleet.");
        string detail = string.Create(CultureInfo.InvariantCulture, $$"""{"seconds":{{seconds}}}""");
        await services.Change.RunAsync(new AuditNote(call.Actor, "explain.watch", tenant, detail), () =>
        {
            long now = Instant.MonotonicNsOf(services.Time);
            return services.Fleet.Explanations.Watch(tenant, now + (long)(seconds * Instant.NsPerSecond), now)
                ? Task.CompletedTask
                : throw new RefusedException(
                    RefusalKind.Conflict, $"{ExplainStore.MaxWatched} tenants are watched already. End one first.");
        }).ConfigureAwait(false);
        var view = new WatchView(tenant, seconds > 0 ? services.Time.GetUtcNow().AddSeconds(seconds) : null);
        await call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.WatchView).ConfigureAwait(false);
    }

    private static bool TryParse(string text, out UInt128 id)
    {
        string digits = text.StartsWith(IdPrefix, StringComparison.Ordinal) ? text[IdPrefix.Length..] : text;
        return UInt128.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out id)
            && digits.Length == 32;
    }

    private static ExplanationView ViewOf(Explanation story) => new(
        IdOf(story),
        At(story),
        story.Tenant,
        story.Key,
        story.Model,
        WordOf(story.Cause),
        story.Late,
        [
            .. story.Steps.Select(s => new ExplainStepView(
                Math.Round(s.AtMs, 3),
                s.Step,
                s.Text,
                s.Policed?.Select(p => new PolicedCandidateView(p.Deployment, p.Site, p.Jurisdiction, p.ExcludedBy))
                    .ToArray(),
                s.Rules,
                s.Route)),
        ]);

    private static string IdOf(Explanation story) => $"{IdPrefix}{story.RequestId:x32}";

    private static DateTimeOffset At(Explanation story) =>
        DateTimeOffset.FromUnixTimeMilliseconds(story.AcceptedUnixMs);

    private static string WordOf(ExplainCause cause) => cause.ToString().ToLowerInvariant();
}
