using System.CommandLine;
using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands;

/// <summary><c>forebay batch</c>: batches of all tenants, for operators. Never shows what is in them.</summary>
public static class BatchCommand
{
    private static readonly Column[] Columns =
    [
        new("BATCH"), new("TENANT"), new("SURFACE"), new("PHASE"), new("ITEMS", true), new("SUCCEEDED", true),
        new("ERRORED", true), new("CREATED"), new("EXPIRES"),
    ];

    public static Command Create() => new("batch", "The batches that tenants handed in, without their contents.")
    {
        CreateList(),
        OnOne("show", "Show one batch.", (client, id, cancel) => client.BatchAsync(id, cancel)),
        OnOne(
            "cancel", "Start nothing more of a batch; what runs ends, the rest is cancelled.",
            (client, id, cancel) => client.CancelBatchAsync(id, cancel)),
    };

    private static Command CreateList()
    {
        Option<string?> tenant = new("--tenant") { Description = "Only this tenant's." };
        Option<string?> after = new("--after") { Description = "Go on behind this batch." };
        Option<int> most = new("--limit")
        {
            Description = "Most batches to show, the newest first.",
            DefaultValueFactory = _ => 50,
        };
        var command = new Command("list", "List batches.") { tenant, after, most };
        return AdminAction.On(command, async (session, cancel) =>
        {
            string query = UsageCommand.QueryOf(
                ("tenant", session.Parse.GetValue(tenant)),
                ("after", session.Parse.GetValue(after)),
                ("limit", session.Required(most).ToString(CultureInfo.InvariantCulture)));
            BatchListView view = await session.Client.BatchesAsync(query, cancel).ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(view, AdminJson.Default.BatchListView);
                return 0;
            }

            session.Output.Table(Columns, [.. view.Batches.Select(RowOf)]);
            if (view.HasMore)
            {
                session.Output.Line($"There are more: --after {view.Batches[^1].Id}");
            }

            return 0;
        });
    }

    private static Command OnOne(
        string name, string description, Func<AdminClient, string, CancellationToken, Task<BatchView>> call)
    {
        Argument<string> id = new("BATCH") { Description = "Id of the batch." };
        return AdminAction.On(new Command(name, description) { id }, async (session, cancel) => Show(
            session, await call(session.Client, session.Parse.GetRequiredValue(id), cancel).ConfigureAwait(false)));
    }

    private static int Show(AdminSession session, BatchView b)
    {
        if (session.IsJson)
        {
            session.Output.Json(b, AdminJson.Default.BatchView);
            return 0;
        }

        session.Output.Pairs(
            ("batch", b.Id),
            ("tenant", $"{b.Tenant}, by key {b.Key}"),
            ("for", b.Model is null ? b.Endpoint : $"{b.Endpoint}, model {b.Model}"),
            ("phase", b.End is null ? b.Phase : $"{b.Phase}, {b.End}"),
            ("items", $"{Text(b.Items)}: {Text(b.Succeeded)} succeeded, {Text(b.Errored)} errored, "
                + $"{Text(b.Cancelled)} cancelled, {Text(b.Expired)} expired"),
            ("tokens", $"{Text(b.InputTokens)} in ({Text(b.CachedTokens)} cached), {Text(b.OutputTokens)} out"),
            ("stored", $"{Text(b.Bytes)} bytes"),
            ("created", TimeText.Of(b.Created)),
            ("expires", TimeText.Of(b.Expires)),
            ("cancel asked", b.CancelAsked is { } asked ? TimeText.Of(asked) : "never"),
            ("ended", b.Ended is { } ended ? TimeText.Of(ended) : "not yet"),
            ("removed", b.Purge is { } purge ? TimeText.Of(purge) : "when its owner deletes it"));
        foreach (BatchProblemView problem in b.Problems ?? [])
        {
            string where = problem.Line is { } line ? $" in line {line}" : "";
            session.Output.Line($"{problem.Code}{where}: {problem.Message}");
        }

        return 0;
    }

    private static string[] RowOf(BatchView b) =>
    [
        b.Id, b.Tenant, b.Surface, b.Phase, Text(b.Items), Text(b.Succeeded), Text(b.Errored), TimeText.Of(b.Created),
        TimeText.Of(b.Expires),
    ];

    private static string Text(long value) => value.ToString("#,0", CultureInfo.InvariantCulture);
}
