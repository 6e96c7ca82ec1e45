using System.CommandLine;
using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands.Capacity;

/// <summary><c>forebay concentration</c>: on whom the fleet depends, and how much.</summary>
public static class ConcentrationCommand
{
    private static readonly Column[] Columns =
    [
        new("KIND"), new("ID"), new("LEASED", true), new("SHARE", true), new("TOKENS", true), new("SHARE", true),
        new("SPEND USD", true), new("SHARE", true), new("ROOM", true),
    ];

    public static Command Create()
    {
        Option<string?> window = new("--window")
        {
            Description = "hour, day or month (30 days); server.concentration.window if left out.",
        };
        window.AcceptOnlyFromAmong("hour", "day", "month");
        Option<string> format = new("--format")
        {
            Description = "table, csv or json.",
            DefaultValueFactory = _ => "table",
        };
        format.AcceptOnlyFromAmong("table", "csv", "json");
        var command = new Command("concentration", "Show on whom the fleet depends, and how much.") { window, format };
        return AdminAction.On(command, async (session, cancel) =>
        {
            string query = UsageCommand.QueryOf(("window", session.Parse.GetValue(window)));
            string form = session.IsJson ? "json" : session.Required(format);
            if (form == "csv")
            {
                session.Output.Raw(await session.Client.ConcentrationCsvAsync(query, cancel).ConfigureAwait(false));
                return 0;
            }

            ConcentrationView view = await session.Client.ConcentrationAsync(query, cancel).ConfigureAwait(false);
            if (form == "json")
            {
                session.Output.Json(view, AdminJson.Default.ConcentrationView);
                return 0;
            }

            session.Output.Line($"Over a {view.Window}, to {TimeText.Of(view.To)}");
            session.Output.Line("");
            session.Output.Table(
                Columns,
                [
                    .. view.Providers.Select(p => RowOf("provider", p)),
                    .. view.Groups.Select(g => RowOf("group", g)),
                    ["herfindahl", "", "", Index(view.Herfindahl.Leased), "", Index(view.Herfindahl.Served), "",
                        Index(view.Herfindahl.Spend), ""],
                ]);
            foreach (CapPassedView passed in view.Passed)
            {
                session.Output.Line(LineOf(passed));
            }

            foreach (UnpricedView unpriced in view.Unpriced)
            {
                session.Output.Line($"Spend leaves out commitment {unpriced.Commitment}: {unpriced.Why}.");
            }

            return 0;
        });
    }

    /// <summary>A cap that is passed, in a line.</summary>
    internal static string LineOf(CapPassedView p) => string.Create(
        CultureInfo.InvariantCulture,
        $"Group {p.Group} has {p.Share:P1} of what is {p.Measure}, above its cap of {p.Max:P1} ({p.Action}).");

    private static string[] RowOf(string kind, ConcentrationEntryView e) =>
    [
        kind,
        e.Id,
        e.LeasedAccelerators.ToString("#,0.##", CultureInfo.InvariantCulture),
        Share(e.LeasedShare),
        e.ServedTokens.ToString("#,0", CultureInfo.InvariantCulture),
        Share(e.ServedShare),
        e.SpendUsd.ToString("#,0.00", CultureInfo.InvariantCulture),
        Share(e.SpendShare),
        e.RoomAccelerators is { } room
            ? string.Create(CultureInfo.InvariantCulture, $"{room:#,0} ({e.RoomBoundBy})")
            : "",
    ];

    private static string Share(double share) => share.ToString("P1", CultureInfo.InvariantCulture);

    private static string Index(double? index) => index?.ToString("0.000", CultureInfo.InvariantCulture) ?? "";
}
