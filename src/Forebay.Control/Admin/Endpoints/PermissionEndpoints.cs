using Forebay.Control.Admin.Contract;
using Forebay.Control.Permission;
using Forebay.Core.Audit.Residency;
using Forebay.Core.Capacity;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>Where models may run, and the proof of where requests went.</summary>
internal sealed class PermissionEndpoints(AdminServices services)
{
    private static readonly string[] Formats = ["json", "csv"];

    public Task ShowExportAsync(AdminCall call)
    {
        ServedModel model = services.Exports.Find(call.Name);
        return ReplyAsync(call, model, services.Fleet.Exports.Of(model.Id));
    }

    public async Task ChangeExportAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        var asked = new ExportChange(
            body.OptionalTexts("deny", "us") ?? [],
            body.OptionalTexts("allow", "us") ?? [],
            body.OptionalTexts("deny_countries", "US") ?? [],
            body.OptionalTexts("allow_countries", "US") ?? [],
            body.OptionalTexts("deny_site_kinds", "orbital") ?? [],
            body.OptionalTexts("allow_site_kinds", "orbital") ?? []);
        body.Done(ExportService.Check(asked));
        string name = call.Name;
        ExportDenials mask = await services.Exports.ChangeAsync(name, asked, call.Actor, call.Cancel)
            .ConfigureAwait(false);
        await ReplyAsync(call, services.Exports.Find(name), mask).ConfigureAwait(false);
    }

    public async Task ResidencyAsync(AdminCall call)
    {
        var fields = new QueryFields(call.Http.Request.Query);
        DateTimeOffset to = fields.Time("to") ?? services.Time.GetUtcNow();
        DateTimeOffset from = fields.Time("from") ?? (to > DateTimeOffset.UnixEpoch.AddDays(1) ? to.AddDays(-1) : to);
        string? tenant = fields.Text("tenant");
        string format = fields.Text("format") ?? "json";
        if (!Formats.Contains(format))
        {
            fields.Add("format", "is not a format.", $"Give one of {string.Join(", ", Formats)}.");
        }

        if (from >= to)
        {
            fields.Add("from", $"{from:O} is not before {to:O}.", "Give an earlier from or a later to.");
        }

        fields.Done();
        ResidencyEvidence evidence = await services.Places
            .ReadPlacesAsync(new ResidencyQuery(from, to, tenant), call.Cancel).ConfigureAwait(false);
        ResidencyView view = ViewOf(ResidencyReport.Of(evidence), tenant);
        await (format == "csv"
            ? call.ReplyTextAsync(ResidencyCsv.Of(view), "text/csv; charset=utf-8")
            : call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.ResidencyView)).ConfigureAwait(false);
    }

    private Task ReplyAsync(AdminCall call, ServedModel model, ExportDenials mask)
    {
        ExportRuleConfig? file = model.Config.Export;
        SiteConfig[] sites = services.Fleet.Model.Config.Sites;
        string[] unmatched =
        [
            .. mask.Jurisdictions.Where(j => !sites.Any(s => s.Jurisdiction == j)),
            .. mask.Countries.Where(c => !sites.Any(s => s.Country == c)),
            .. mask.SiteKinds.Where(k => !sites.Any(s => s.Kind == k)).Select(k => k.Word()),
        ];
        var view = new ExportView(
            model.Id,
            mask.Version,
            mask.Version == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(mask.ChangedUnixMs),
            mask.Version == 0 ? null : mask.Actor,
            new DeniedView(
                mask.Everywhere, mask.Jurisdictions, mask.Countries, [.. mask.SiteKinds.Select(k => k.Word())]),
            file is null ? null : new ExportFileView(
                file.DenyJurisdictions,
                file.DenyCountries,
                [.. file.DenySiteKinds.Select(k => k.Word())],
                file.OnlyJurisdictions,
                file.OnlyCountries,
                file.OnlySiteKinds?.Select(k => k.Word()).ToArray()),
            [.. model.Deployments.Select(d => PlaceOf(d, file, mask))],
            unmatched.Length == 0 ? null : unmatched);
        return call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.ExportView);
    }

    private static ExportPlaceView PlaceOf(Deployment d, ExportRuleConfig? file, ExportDenials mask)
    {
        string? deniedBy = !ServingPlaces.Allows(file, d) ? "file" : !ServingPlaces.Allows(mask, d) ? "api" : null;
        return new ExportPlaceView(
            d.Id, d.Site.Id, d.Site.Jurisdiction, d.Site.Country, d.Site.Kind.Word(), deniedBy is null, deniedBy);
    }

    private static ResidencyView ViewOf(ResidencyReport report, string? tenant) => new(
        report.From,
        report.To,
        tenant,
        report.Clean,
        report.Reconciles,
        report.UsageRequests,
        report.Proven,
        report.Violating,
        report.Unsent,
        report.Unproven,
        report.EarlierAttempts,
        [
            .. report.Totals.Select(t => new ResidencyTotalView(
                t.Tenant, t.Model, t.Policy, t.Jurisdiction, t.SiteKind, t.Requests, t.Earlier)),
        ],
        [
            .. report.Violations.Select(v => new ResidencyViolationView(
                v.At.Tenant, v.At.Model, v.At.Site, v.At.Jurisdiction, v.At.Country, v.At.SiteKind,
                v.At.Role == PlaceRole.Earlier, v.At.Requests, v.At.First, v.At.Last,
                $"{v.At.ContextHash:x32}", v.Broken)),
        ],
        [
            .. report.Gaps.Select(g => new ResidencyGapView(
                g.Tenant, g.Model, g.Why, g.Requests, g.First, g.Last)),
        ]);
}
