using System.Globalization;
using System.Text;
using Forebay.Control.Admin.Contract;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>The residency report as CSV (RFC 4180): one line for each total, violation and gap, and one for what was
/// sent nowhere. The requests of all lines but those of violations are what the usage ledger counts.</summary>
internal static class ResidencyCsv
{
    public static string Of(ResidencyView report)
    {
        var text = new StringBuilder();
        AppendLine(text, [
            "row", "tenant", "model", "policy", "site", "jurisdiction", "country", "site_kind", "requests",
            "earlier_attempts", "detail",
        ]);
        foreach (ResidencyTotalView t in report.Totals)
        {
            AppendLine(text, [
                "total", t.Tenant, t.Model, t.Policy, "", t.Jurisdiction, "", t.SiteKind, Number(t.Requests),
                Number(t.EarlierAttempts), "",
            ]);
        }

        AppendLine(text, ["unsent", "", "", "", "", "", "", "", Number(report.Unsent), "0", ""]);
        foreach (ResidencyGapView g in report.Gaps)
        {
            AppendLine(text, ["gap", g.Tenant, g.Model, "", "", "", "", "", Number(g.Requests), "0", g.Why]);
        }

        foreach (ResidencyViolationView v in report.Violations)
        {
            AppendLine(text, [
                "violation", v.Tenant, v.Model, "", v.Site, v.Jurisdiction, v.Country, v.SiteKind,
                v.Earlier ? "0" : Number(v.Requests), v.Earlier ? Number(v.Requests) : "0", string.Join("; ", v.Broken),
            ]);
        }

        return text.ToString();
    }

    private static void AppendLine(StringBuilder text, string[] fields) => CsvText.AppendLine(text, fields);

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
