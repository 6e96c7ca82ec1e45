using System.CommandLine;
using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands;

/// <summary><c>forebay model</c>: where models may run, and how much of them can be served.</summary>
public static class ModelCommand
{
    private static readonly Column[] Columns =
        [new("DEPLOYMENT"), new("SITE"), new("JURISDICTION"), new("COUNTRY"), new("KIND"), new("EXPORT")];

    public static Command Create() => new("model", "The models that clients call.")
    {
        CreateExport(),
        ModelCurveCommand.Create(),
    };

    private static Command CreateExport()
    {
        Argument<string> model = new("MODEL") { Description = "Id or alias of the model." };
        Option<string[]> deny = Many("--deny", "A jurisdiction to deny; * denies every place.");
        Option<string[]> allow = Many("--allow", "One to deny no longer; * lifts the denial of every place.");
        Option<string[]> denyCountry = Many("--deny-country", "A country to deny, as US.");
        Option<string[]> allowCountry = Many("--allow-country", "A country to deny no longer.");
        Option<string[]> denyKind = Many("--deny-kind", "A kind of site to deny: region, datacenter, orbital.");
        Option<string[]> allowKind = Many("--allow-kind", "A kind of site to deny no longer.");
        Option<bool> show = new("--show") { Description = "Only show what holds; so does no option at all." };
        var command = new Command("export", "Show or change where a model's weights may run; in force at once.")
        {
            model, deny, allow, denyCountry, allowCountry, denyKind, allowKind, show,
        };
        return AdminAction.On(command, async (session, cancel) =>
        {
            string name = session.Parse.GetRequiredValue(model);
            var body = new ExportBody(
                Of(session, deny), Of(session, allow), Of(session, denyCountry), Of(session, allowCountry),
                Of(session, denyKind), Of(session, allowKind));
            bool changes = body != new ExportBody(null, null, null, null, null, null);
            if (changes && session.Parse.GetValue(show))
            {
                throw new CommandException("--show changes nothing; leave it out to change what is denied.");
            }

            ExportView export = await (changes
                ? session.Client.ChangeExportAsync(name, body, cancel)
                : session.Client.ExportAsync(name, cancel)).ConfigureAwait(false);
            return Show(session, export);
        });
    }

    private static Option<string[]> Many(string name, string description) => new(name)
    {
        Description = description + " Repeat for more.",
    };

    private static string[]? Of(AdminSession session, Option<string[]> option) =>
        session.Parse.GetValue(option) is { Length: > 0 } values ? values : null;

    private static int Show(AdminSession session, ExportView export)
    {
        if (session.IsJson)
        {
            session.Output.Json(export, AdminJson.Default.ExportView);
            return 0;
        }

        session.Output.Pairs(
            ("model", export.Model),
            ("denied here", Denied(export.Denied)),
            ("fleet file", export.File is { } file ? OfFile(file) : "nothing said"),
            ("version", export.Version.ToString(CultureInfo.InvariantCulture)),
            ("changed", export.Changed is { } at ? $"{TimeText.Of(at)} by {export.Actor}" : "never"));
        session.Output.Table(Columns, [.. export.Places.Select(RowOf)]);
        if (export.Unmatched is { } unmatched)
        {
            session.Output.Line($"No site of the fleet is in {string.Join(", ", unmatched)} today.");
        }

        return 0;
    }

    private static string Denied(DeniedView d) => d.Everywhere ? "every place" : Listed(
        ("", d.Jurisdictions), ("countries ", d.Countries), ("kinds ", d.SiteKinds));

    private static string OfFile(ExportFileView f) => Listed(
        ("deny ", f.DenyJurisdictions),
        ("deny countries ", f.DenyCountries),
        ("deny kinds ", f.DenySiteKinds),
        ("only ", f.OnlyJurisdictions),
        ("only countries ", f.OnlyCountries),
        ("only kinds ", f.OnlySiteKinds));

    private static string Listed(params ReadOnlySpan<(string Title, IReadOnlyList<string>? Values)> lists)
    {
        var parts = new List<string>();
        foreach ((string title, IReadOnlyList<string>? values) in lists)
        {
            if (values is { Count: > 0 })
            {
                parts.Add(title + string.Join(",", values));
            }
        }

        return parts.Count == 0 ? "nothing" : string.Join("; ", parts);
    }

    private static string[] RowOf(ExportPlaceView p) =>
    [
        p.Deployment, p.Site, p.Jurisdiction, p.Country ?? "", p.SiteKind,
        p.Allowed ? "allowed" : $"denied by {(p.DeniedBy == "file" ? "the fleet file" : "the admin API")}",
    ];
}
