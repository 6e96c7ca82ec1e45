using System.CommandLine;
using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands.Capacity;

/// <summary><c>forebay provider register</c>: every provider, what depends on it, and when its loss was last tried.
/// </summary>
internal static class RegisterCommand
{
    private static readonly Column[] Columns =
    [
        new("PROVIDER"), new("SITES"), new("GROUPS"), new("COMMITMENTS"), new("SUBSTITUTED"), new("NO SUBSTITUTE"),
        new("LAST DRILL"), new("MOVED", true), new("REFUSED", true), new("FAILED", true), new("EXIT PLAN"),
    ];

    public static Command Create()
    {
        Option<string> format = new("--format")
        {
            Description = "table, csv or json.",
            DefaultValueFactory = _ => "table",
        };
        format.AcceptOnlyFromAmong("table", "csv", "json");
        var command = new Command(
            "register", "List every provider: sites, commitments, exit plan, substitutes, the last drill.") { format };
        return AdminAction.On(command, async (session, cancel) =>
        {
            string form = session.IsJson ? "json" : session.Required(format);
            if (form == "csv")
            {
                session.Output.Raw(await session.Client.RegisterCsvAsync(cancel).ConfigureAwait(false));
                return 0;
            }

            RegisterView view = await session.Client.RegisterAsync(cancel).ConfigureAwait(false);
            if (form == "json")
            {
                session.Output.Json(view, AdminJson.Default.RegisterView);
            }
            else
            {
                session.Output.Table(Columns, [.. view.Providers.Select(RowOf)]);
            }

            return 0;
        });
    }

    private static string[] RowOf(RegisteredProviderView p) =>
    [
        p.Id,
        List(p.Sites.Select(s => s.Id)),
        List(p.Groups),
        List(p.Commitments.Select(c => c.Id)),
        List(p.Substituted),
        List(p.Unsubstituted),
        p.LastDrill is { } drill ? $"{TimeText.Of(drill.At)} ({drill.Target})" : "never",
        Text(p.LastDrill?.Moved),
        Text(p.LastDrill?.Refused),
        Text(p.LastDrill?.Failed),
        p.ExitPlan ?? "none",
    ];

    private static string List(IEnumerable<string> items) => string.Join(',', items);

    private static string Text(long? number) => number?.ToString("#,0", CultureInfo.InvariantCulture) ?? "";
}
