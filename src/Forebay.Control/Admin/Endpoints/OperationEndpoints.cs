using Forebay.Control.Admin.Contract;
using Forebay.Control.Audit;
using Forebay.Control.Backup;
using Forebay.Control.Telemetry;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>What operators do to the running server.</summary>
internal sealed class OperationEndpoints(AdminServices services)
{
    public Task MetricsAsync(AdminCall call) =>
        call.ReplyTextAsync(services.Metrics.Collect(), PrometheusText.ContentType);

    public async Task ReloadAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        body.Done();
        call.Cancel.ThrowIfCancellationRequested();
        ReloadView view = await services.Change
            .RunAsync(
                new AuditNote(call.Actor, "fleet.reload", services.FleetFile()?.Path ?? "fleet"),
                () => services.Reload(CancellationToken.None))
            .ConfigureAwait(false);
        if (!view.Applied)
        {
            var failed = new AuditNote(call.Actor, "fleet.reload.failed", services.FleetFile()?.Path ?? "fleet");
            await services.Change.RunAsync(failed, static () => Task.CompletedTask).ConfigureAwait(false);
        }

        await call.ReplyAsync(
            view.Applied ? StatusCodes.Status200OK : StatusCodes.Status422UnprocessableEntity,
            view,
            AdminJson.Default.ReloadView).ConfigureAwait(false);
    }

    public async Task BackupAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        string? name = body.OptionalText("name", "nightly.backup");
        body.Done();
        BackupFile file = await services.Backup.WriteAsync(name, call.Actor, call.Cancel).ConfigureAwait(false);
        if (name is not null)
        {
            var view = new BackupView(file.Path, file.Bytes, file.Sha256);
            await call.ReplyAsync(StatusCodes.Status201Created, view, AdminJson.Default.BackupView)
                .ConfigureAwait(false);
            return;
        }

        // The file loses its name before it is sent: nothing is left behind, however the sending ends.
        var stream = new FileStream(file.Path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        await using (stream.ConfigureAwait(false))
        {
            File.Delete(file.Path);
            HttpResponse response = call.Http.Response;
            response.ContentType = "application/octet-stream";
            response.ContentLength = file.Bytes;
            response.Headers["x-content-sha256"] = file.Sha256;
            await stream.CopyToAsync(response.Body, call.Cancel).ConfigureAwait(false);
        }
    }
}
