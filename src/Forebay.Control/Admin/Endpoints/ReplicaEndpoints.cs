using Forebay.Control.Admin.Contract;
using Forebay.Control.Audit;
using Forebay.Control.Errors;
using Forebay.Control.Replicas;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Capacity.Transfers;
using Forebay.Core.Execution;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>The replicas that this server looks after: what they do, what they said, stopping and restarting them.
/// </summary>
internal sealed class ReplicaEndpoints(AdminServices services)
{
    private const int UsualLines = 100;
    private const int MostLines = 10_000;

    private ReplicaLoop Loop => services.Replicas ?? throw new RefusedException(
        RefusalKind.Unavailable, "This server looks after no replicas.");

    public Task ListAsync(AdminCall call)
    {
        var fields = new QueryFields(call.Http.Request.Query);
        string? model = fields.Text("model");
        string? pool = fields.Text("pool");
        fields.Done();
        var view = new ReplicaListView(
        [
            .. Loop.List()
                .Where(r => model is null || r.State.Spec.Model == model)
                .Where(r => pool is null || r.State.Spec.Pool == pool)
                .Select(ViewOf),
        ]);
        return call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.ReplicaListView);
    }

    public Task OneAsync(AdminCall call)
    {
        new QueryFields(call.Http.Request.Query).Done();
        return ReplyAsync(call);
    }

    public async Task LogsAsync(AdminCall call)
    {
        var fields = new QueryFields(call.Http.Request.Query);
        long lines = fields.Number("lines", UsualLines, 1, MostLines);
        long generation = fields.Number("generation", 0, 1, long.MaxValue);
        fields.Done();
        IReadOnlyList<string> log = await Loop
            .ReadLogAsync(call.Id, generation == 0 ? null : generation, (int)lines, call.Cancel).ConfigureAwait(false);
        await call.ReplyAsync(
            StatusCodes.Status200OK, new ReplicaLogView(call.Id, log), AdminJson.Default.ReplicaLogView)
            .ConfigureAwait(false);
    }

    public Task StopAsync(AdminCall call) =>
        ChangeAsync(call, "replica.stop", () => Loop.HoldAsync(call.Id, CancellationToken.None));

    public Task RestartAsync(AdminCall call) =>
        ChangeAsync(call, "replica.restart", () => Loop.RestartAsync(call.Id, CancellationToken.None));

    private async Task ChangeAsync(AdminCall call, string action, Func<Task> change)
    {
        (await call.ReadBodyAsync().ConfigureAwait(false)).Done();
        string detail = $$"""{"generation":{{Loop.Find(call.Id).State.Generation}}}""";
        var note = new AuditNote(call.Actor, action, call.Id, detail);
        await services.Change.RunAsync(note, change).ConfigureAwait(false);
        await ReplyAsync(call).ConfigureAwait(false);
    }

    private Task ReplyAsync(AdminCall call) => call.ReplyAsync(
        StatusCodes.Status200OK, ViewOf(Loop.Find(call.Id)), AdminJson.Default.ReplicaView);

    private static ReplicaView ViewOf(ReplicaStatus r)
    {
        ReplicaState s = r.State;
        WorkObservation? work = r.Work?.Generation == s.Generation ? r.Work : null;
        return new ReplicaView(
            s.Id,
            s.Spec.Model,
            s.Spec.Version,
            s.Spec.Build,
            s.Spec.Pool,
            s.Spec.Site,
            s.Spec.Resources.Accelerators,
            ReplicaMetrics.WordOf(s.Phase),
            At(s.SinceUnixMs),
            s.DeadlineUnixMs is { } deadline ? At(deadline) : null,
            s.Generation,
            r.Wanted is not null,
            s.Held,
            s.Failures,
            s is { Phase: ReplicaPhase.Planned, NotBeforeUnixMs: > 0 } ? At(s.NotBeforeUnixMs) : null,
            s.Reason,
            r.Said,
            work?.Where,
            work is { IsAlive: true } && work.Endpoints.TryGetValue("http", out WorkEndpoint at)
                ? $"http://{at.Host}:{at.Port}" : null,
            r.Routed,
            r.InFlight,
            [.. r.Weights.Select(ViewOf)]);
    }

    private static WeightsView ViewOf(TransferView t) => new(
        t.Spec.File.Sha256,
        t.Spec.Route.Site,
        t.Spec.Route.From,
        ReplicaMetrics.WordOf(t.Progress.Phase),
        t.Spec.File.SizeBytes,
        t.Progress.VerifiedBytes(t.Spec.File),
        t.Progress.SentBytes,
        t.BytesPerSecond,
        t.DoneUnixMs is { } done ? At(done) : null,
        t.Spec.Route.CostUsd(t.Progress.SentBytes),
        t.Progress.Cuts,
        t.Progress.BadParts,
        t.Progress.Reason);

    private static DateTimeOffset At(long unixMs) => DateTimeOffset.FromUnixTimeMilliseconds(unixMs);
}
