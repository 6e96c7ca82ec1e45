using System.Globalization;
using System.Text;
using Forebay.Control.Admin.Contract;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Withdrawals;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>The register of providers, for auditors and those who answer them.</summary>
internal sealed class RegisterEndpoints(AdminServices services)
{
    private static readonly string[] Formats = ["json", "csv"];

    public async Task ShowAsync(AdminCall call)
    {
        var fields = new QueryFields(call.Http.Request.Query);
        string format = fields.Text("format") ?? "json";
        if (!Formats.Contains(format))
        {
            fields.Add("format", "is not a format.", $"Give one of {string.Join(", ", Formats)}.");
        }

        fields.Done();
        IReadOnlyList<WithdrawalRecord> withdrawals =
            await services.Withdrawals.ListAsync(call.Cancel).ConfigureAwait(false);
        var view = new RegisterView([.. ProviderRegister.Of(services.Fleet.Model, withdrawals).Select(ViewOf)]);
        Task reply = format == "csv"
            ? call.ReplyTextAsync(CsvOf(view), "text/csv; charset=utf-8")
            : call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.RegisterView);
        await reply.ConfigureAwait(false);
    }

    private static RegisteredProviderView ViewOf(RegisteredProvider p) => new(
        p.Provider.Id,
        p.Provider.Name ?? p.Provider.Id,
        [.. p.Sites.Select(s => new RegisteredSiteView(s.Id, s.Country, s.Jurisdiction))],
        p.Groups,
        [.. p.Commitments.Select(c => new RegisteredCommitmentView(c.Id, c.Starts, c.Ends))],
        p.Served,
        p.Substituted,
        [.. p.Unsubstituted],
        p.Provider.ExitPlan,
        p.LastDrill is { } drill ? ViewOf(drill) : null);

    private static RegisteredDrillView ViewOf(WithdrawalRecord drill) => new(
        drill.Asked.Id,
        drill.Asked.Target.Scope.Word(),
        drill.Asked.Target.Id,
        DateTimeOffset.FromUnixTimeMilliseconds(drill.Progress.TakenOutUnixMs!.Value),
        drill.Progress.Phase.Word(),
        drill.Report?.Served ?? 0,
        drill.Report?.Moved ?? 0,
        drill.Report?.Refused ?? 0,
        drill.Report?.Failed ?? 0);

    private static string CsvOf(RegisterView view)
    {
        var text = new StringBuilder();
        CsvText.AppendLine(text,
        [
            "provider", "name", "sites", "countries", "concentration_groups", "commitments", "models_served",
            "models_substituted", "models_without_substitute", "exit_plan", "last_drill", "last_drill_of",
            "last_drill_at", "last_drill_served", "last_drill_moved", "last_drill_refused", "last_drill_failed",
        ]);
        foreach (RegisteredProviderView p in view.Providers)
        {
            RegisteredDrillView? drill = p.LastDrill;
            CsvText.AppendLine(text,
            [
                p.Id,
                p.Name,
                List(p.Sites.Select(s => s.Id)),
                List(p.Sites.Select(s => s.Country).OfType<string>().Distinct()),
                List(p.Groups),
                List(p.Commitments.Select(c => c.Id)),
                List(p.Served),
                List(p.Substituted),
                List(p.Unsubstituted),
                p.ExitPlan ?? "",
                drill?.Id ?? "",
                drill is null ? "" : $"{drill.Scope} {drill.Target}",
                drill?.At.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture) ?? "",
                Text(drill?.Served),
                Text(drill?.Moved),
                Text(drill?.Refused),
                Text(drill?.Failed),
            ]);
        }

        return text.ToString();
    }

    private static string List(IEnumerable<string> items) => string.Join(' ', items);

    private static string Text(long? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "";
}
