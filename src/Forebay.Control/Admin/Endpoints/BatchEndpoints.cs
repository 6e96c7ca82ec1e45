using Forebay.Control.Admin.Contract;
using Forebay.Control.Batches;
using Forebay.Control.Errors;
using Forebay.Core.Batches;
using Forebay.Core.Errors;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>Batches of all tenants, for operators: what they are, never what is in them.</summary>
internal sealed class BatchEndpoints(AdminServices services)
{
    private BatchDesk Desk => services.Batches ?? throw new RefusedException(
        RefusalKind.NotFound, "This server runs no batches.");

    public async Task ListAsync(AdminCall call)
    {
        var fields = new QueryFields(call.Http.Request.Query);
        string? tenant = fields.Text("tenant");
        string? after = fields.Text("after");
        int limit = (int)fields.Number("limit", 50, 1, 1000);
        fields.Done();
        BatchPage<Batch> page = await Desk.LookUpAsync(tenant, new BatchRange(limit, after), call.Cancel)
            .ConfigureAwait(false);
        await call.ReplyAsync(
            StatusCodes.Status200OK,
            new BatchListView([.. page.Items.Select(ViewOf)], page.HasMore),
            AdminJson.Default.BatchListView).ConfigureAwait(false);
    }

    public async Task ShowAsync(AdminCall call)
    {
        Batch batch = await Desk.LookUpAsync(call.Id, call.Cancel).ConfigureAwait(false)
            ?? throw NotFound(call.Id);
        await ReplyAsync(call, batch).ConfigureAwait(false);
    }

    public async Task CancelAsync(AdminCall call)
    {
        try
        {
            await ReplyAsync(call, await Desk.CancelAsync(call.Id, call.Actor).ConfigureAwait(false))
                .ConfigureAwait(false);
        }
        catch (BatchRefusedException e)
        {
            throw e.Reason == Reason.NoSuchObject ? NotFound(call.Id) : new RefusedException(
                RefusalKind.Unavailable, e.Message, e);
        }
    }

    private static RefusedException NotFound(string id) => new(
        RefusalKind.NotFound,
        $"There is no batch {(id.Length <= 80 ? id : id[..80])}. `forebay batch list` shows them.");

    private static Task ReplyAsync(AdminCall call, Batch batch) => call.ReplyAsync(
        StatusCodes.Status200OK, ViewOf(batch), AdminJson.Default.BatchView);

    private static BatchView ViewOf(Batch b) => new(
        b.Id,
        b.Tenant,
        b.Key,
        b.Surface == BatchSurface.Messages ? "messages" : "openai",
        b.Endpoint,
        b.Model,
        WordOf(b.Phase),
        b.End == BatchEnd.None ? null : WordOf(b.End),
        TimeOf(b.CreatedUnixMs),
        TimeOf(b.ExpiresUnixMs),
        OptionalTimeOf(b.CancelUnixMs),
        OptionalTimeOf(b.EndedUnixMs),
        OptionalTimeOf(b.PurgeUnixMs),
        b.Total,
        b.Counts.Succeeded,
        b.Counts.Errored,
        b.Counts.Cancelled,
        b.Counts.Expired,
        b.Tokens.Input,
        b.Tokens.Cached,
        b.Tokens.Output,
        b.Bytes,
        b.Problems.Count == 0
            ? null
            : [.. b.Problems.Select(p => new BatchProblemView(p.Code, Told(p), p.Param, p.Line))]);

    /// <summary>The words of some problems repeat what a tenant wrote, which is not an operator's to read.</summary>
    private static string Told(BatchProblem problem) =>
        problem.Line is null ? problem.Message : "Told to the tenant.";

    private static string WordOf<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    private static DateTimeOffset TimeOf(long unixMs) => DateTimeOffset.FromUnixTimeMilliseconds(unixMs);

    private static DateTimeOffset? OptionalTimeOf(long? unixMs) => unixMs is { } at ? TimeOf(at) : null;
}
