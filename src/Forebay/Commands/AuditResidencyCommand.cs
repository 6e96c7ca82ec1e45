using System.CommandLine;
using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands;

/// <summary><c>forebay audit residency</c>: proves from the ledger where requests went.</summary>
internal static class AuditResidencyCommand
{
    private static readonly Column[] Totals =
    [
        new("TENANT"), new("MODEL"), new("POLICY"), new("JURISDICTION"), new("KIND"), new("REQUESTS", true),
        new("EARLIER ATTEMPTS", true),
    ];

    private static readonly Column[] Gaps =
        [new("TENANT"), new("MODEL"), new("REQUESTS", true), new("FIRST"), new("LAST"), new("NO EVIDENCE BECAUSE")];

    private static readonly Column[] Violations =
    [
        new("TENANT"), new("MODEL"), new("SITE"), new("JURISDICTION"), new("KIND"), new("REQUESTS", true),
        new("FIRST"), new("LAST"), new("BROKEN"),
    ];

    public static Command Create()
    {
        Option<DateTimeOffset?> from = TimeArguments.Moment(
            "--from", "Start: a day, a time, or a length of time back such as 24h; a day before the end if left out.",
            back: true);
        Option<DateTimeOffset?> to = TimeArguments.Moment("--to", "End, not included; now if left out.", back: true);
        Option<string?> tenant = new("--tenant") { Description = "Only this tenant." };
        Option<bool> csv = new("--csv") { Description = "Print CSV." };
        var command = new Command(
            "residency",
            "Check from the ledger that every request went where its rules allowed; fails where one did not.")
        {
            from, to, tenant, csv,
        };
        return AdminAction.On(command, async (session, cancel) =>
        {
            string query = UsageCommand.QueryOf(
                ("from", UsageCommand.Text(session.Parse.GetValue(from))),
                ("to", UsageCommand.Text(session.Parse.GetValue(to))),
                ("tenant", session.Parse.GetValue(tenant)));
            ResidencyView report = await session.Client.ResidencyAsync(query, cancel).ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(report, AdminJson.Default.ResidencyView);
            }
            else if (session.Parse.GetValue(csv))
            {
                // The minutes that were judged; what has come in since is in it too.
                string same = UsageCommand.QueryOf(
                    ("from", UsageCommand.Text(report.From)),
                    ("to", UsageCommand.Text(report.To)),
                    ("tenant", report.Tenant));
                session.Output.Raw(await session.Client.ResidencyCsvAsync(same, cancel).ConfigureAwait(false));
            }
            else
            {
                Show(session.Output, report);
            }

            return report.Clean ? 0 : AdminAction.Failed;
        });
    }

    private static void Show(CommandOutput output, ResidencyView r)
    {
        output.Line($"Requests accepted from {TimeText.Of(r.From)} to {TimeText.Of(r.To)}, whole minutes" +
            (r.Tenant is null ? "." : $", of tenant {r.Tenant}."));
        output.Table(Totals, [.. r.Totals.Select(t => (string[])[
            t.Tenant, t.Model, t.Policy, t.Jurisdiction, t.SiteKind, Count(t.Requests), Count(t.EarlierAttempts)])]);
        if (r.Gaps.Count > 0)
        {
            output.Table(Gaps, [.. r.Gaps.Select(g => (string[])[
                g.Tenant, g.Model, Count(g.Requests), TimeText.Of(g.First), TimeText.Of(g.Last), g.Why])]);
        }

        if (r.Violations.Count > 0)
        {
            output.Table(Violations, [.. r.Violations.Select(v => (string[])[
                v.Tenant, v.Model, v.Site, v.Jurisdiction, v.SiteKind, Count(v.Requests), TimeText.Of(v.First),
                TimeText.Of(v.Last), string.Join("; ", v.Broken)])]);
        }

        output.Pairs(
            ("proven", Count(r.Proven)),
            ("violating", Count(r.Violating)),
            ("sent nowhere", Count(r.Unsent)),
            ("without evidence", Count(r.Unproven)),
            ("in all", Count(r.Proven + r.Violating + r.Unsent + r.Unproven)),
            ("usage ledger", Count(r.UsageRequests)),
            ("earlier attempts", Count(r.EarlierAttempts)));
        output.Line(!r.Reconciles
            ? "The two ledgers differ: requests are missing from one of them. Restore a backup, and report it."
            : r.Violations.Count > 0
                ? "There are violations: requests went where the rules recorded with them did not allow it."
                : "No violation: every request with evidence went where its rules allowed, and all are accounted for.");
    }

    private static string Count(long count) => count.ToString("#,0", CultureInfo.InvariantCulture);
}
