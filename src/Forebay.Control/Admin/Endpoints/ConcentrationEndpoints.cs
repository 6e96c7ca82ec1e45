using System.Globalization;
using System.Text;
using Forebay.Control.Admin.Contract;
using Forebay.Core.Capacity.Concentration;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>How capacity, traffic and money are spread.</summary>
internal sealed class ConcentrationEndpoints(AdminServices services)
{
    private const int ShareDigits = 6;

    private static readonly string[] Formats = ["json", "csv"];

    private static readonly string[] Windows =
        [.. Enum.GetNames<ConcentrationWindow>().Select(n => n.ToLowerInvariant())];

    public async Task ShowAsync(AdminCall call)
    {
        var fields = new QueryFields(call.Http.Request.Query);
        string window = fields.Text("window")
            ?? Windows[(int)services.Fleet.Model.Config.Server.Concentration.Window];
        if (!Windows.Contains(window))
        {
            fields.Add("window", "is not a window.", $"Give one of {string.Join(", ", Windows)}.");
        }

        string format = fields.Text("format") ?? "json";
        if (!Formats.Contains(format))
        {
            fields.Add("format", "is not a format.", $"Give one of {string.Join(", ", Formats)}.");
        }

        fields.Done();
        ConcentrationReport report = await services.Concentration.ReportAsync(
            (ConcentrationWindow)Array.IndexOf(Windows, window), call.Cancel).ConfigureAwait(false);
        ConcentrationView view = ViewOf(report, window);
        Task reply = format == "csv"
            ? call.ReplyTextAsync(CsvOf(view), "text/csv; charset=utf-8")
            : call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.ConcentrationView);
        await reply.ConfigureAwait(false);
    }

    /// <summary>As status and answers show it.</summary>
    public static CapPassedView ViewOf(CapPassed p) =>
        new(p.Group, p.Measure.Word(), Rounded(p.Share), p.Max, p.Action.Word());

    private ConcentrationView ViewOf(ConcentrationReport report, string window)
    {
        var groups = services.Fleet.Model.Config.ConcentrationGroups.ToDictionary(g => g.Id);
        return new ConcentrationView(
            report.From,
            report.To,
            window,
            new HerfindahlView(
                Rounded(report.Herfindahl(ConcentrationMeasure.Leased)),
                Rounded(report.Herfindahl(ConcentrationMeasure.Served)),
                Rounded(report.Herfindahl(ConcentrationMeasure.Spend))),
            [.. report.Providers.Select(p => ViewOf(p, CapRoom.Unbound))],
            [
                .. report.Groups.Select(g => ViewOf(
                    g,
                    groups.TryGetValue(g.Id, out var config)
                        ? ConcentrationCaps.Room(config, report)
                        : CapRoom.Unbound)),
            ],
            [.. services.Concentration.PassedIn(report).Select(ViewOf)],
            [.. report.Unpriced.Select(u => new UnpricedView(u.Commitment, u.Why))]);
    }

    private static ConcentrationEntryView ViewOf(ConcentrationEntry entry, CapRoom room)
    {
        ConcentrationShare leased = entry.Of(ConcentrationMeasure.Leased);
        ConcentrationShare served = entry.Of(ConcentrationMeasure.Served);
        ConcentrationShare spend = entry.Of(ConcentrationMeasure.Spend);
        return new ConcentrationEntryView(
            entry.Id,
            leased.Amount,
            Rounded(leased.Share),
            served.Amount,
            Rounded(served.Share),
            Math.Round(spend.Amount, ShareDigits),
            Rounded(spend.Share),
            room.Accelerators is { } free ? Math.Floor(free) : null,
            room.Bound?.Word());
    }

    private static double Rounded(double share) => Math.Round(share, ShareDigits);

    private static double? Rounded(double? index) => index is { } i ? Rounded(i) : null;

    private static string CsvOf(ConcentrationView view)
    {
        var text = new StringBuilder();
        CsvText.AppendLine(text,
        [
            "kind", "id", "leased_accelerators", "leased_share", "served_tokens", "served_share", "spend_usd",
            "spend_share", "room_accelerators", "room_bound_by",
        ]);
        foreach ((string kind, ConcentrationEntryView e) in view.Providers.Select(p => ("provider", p))
            .Concat(view.Groups.Select(g => ("group", g))))
        {
            CsvText.AppendLine(text,
            [
                kind, e.Id, Text(e.LeasedAccelerators), Text(e.LeasedShare), Text(e.ServedTokens), Text(e.ServedShare),
                Text(e.SpendUsd), Text(e.SpendShare), Text(e.RoomAccelerators), e.RoomBoundBy ?? "",
            ]);
        }

        CsvText.AppendLine(text,
        [
            "herfindahl", "", "", Text(view.Herfindahl.Leased), "", Text(view.Herfindahl.Served), "",
            Text(view.Herfindahl.Spend), "", "",
        ]);
        return text.ToString();
    }

    private static string Text(IFormattable? value) => value?.ToString(null, CultureInfo.InvariantCulture) ?? "";
}
