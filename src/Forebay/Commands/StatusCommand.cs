using System.CommandLine;
using System.Globalization;
using Forebay.Commands.Capacity;
using Forebay.Commands.Connection;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands;

/// <summary><c>forebay status</c>: the fleet and its deployments now.</summary>
public static class StatusCommand
{
    private static readonly Column[] Columns =
    [
        new("DEPLOYMENT"), new("MODEL"), new("PROVIDER"), new("SITE"), new("BACKING"), new("IN FLIGHT", true),
        new("MAX", true), new("COMPLETED", true), new("FAILED", true), new("LAST FAILURE"), new("STATE"),
    ];

    private static readonly Column[] QueueColumns =
    [
        new("QUEUE"), new("CLASS"), new("WAITING", true), new("OLDEST S", true), new("GRANTED", true),
        new("SHED", true), new("DISPLACED", true), new("EXPIRED", true),
    ];

    public static Command Create() => AdminAction.On(
        new Command("status", "Show the running server, its fleet and its deployments."),
        async (session, cancel) =>
        {
            StatusView status = await session.Client.StatusAsync(cancel).ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(status, AdminJson.Default.StatusView);
                return 0;
            }

            string state = status.Draining ? "draining" : status.Ready ? "ready" : "not ready";
            session.Output.Pairs(
                ("server", $"{state}, version {status.Version}, since {TimeText.Of(status.Started)}"),
                ("fleet", status.Fleet.Summary),
                ("file", FileOf(status.FleetFile)),
                ("tenants", $"{status.Fleet.Tenants}, keys {status.Fleet.Keys}"),
                ("waiting", status.Waiting.ToString(CultureInfo.InvariantCulture)),
                ("journal", status.JournalWritable ? "writable" : "not writable: nothing is admitted"));
            foreach (string alarm in status.LimitAlarms)
            {
                session.Output.Line(alarm);
            }

            foreach (FileProblemView problem in status.FleetFile?.Problems ?? [])
            {
                session.Output.Line(ReloadCommand.LineOf(problem));
            }

            foreach (CapPassedView passed in status.ConcentrationPassed)
            {
                session.Output.Line(ConcentrationCommand.LineOf(passed));
            }

            session.Output.Line("");
            session.Output.Table(Columns, [.. status.Deployments.Select(RowOf)]);
            if (status.Queues.Count > 0)
            {
                session.Output.Line("");
                session.Output.Table(QueueColumns, [.. status.Queues.Select(RowOf)]);
            }

            return 0;
        });

    private static string FileOf(FleetFileView? file) => file is null
        ? "none"
        : $"{file.Path}, load {file.Loads} at {TimeText.Of(file.Loaded)}, sha256 {file.Sha256}" +
            (file.Rejected is { } at ? $"; a later one at {TimeText.Of(at)} has problems and is not in force" : "");

    private static string[] RowOf(QueueView q) =>
    [
        q.Model,
        q.Class,
        q.Waiting.ToString(CultureInfo.InvariantCulture),
        q.OldestSeconds.ToString("0.0", CultureInfo.InvariantCulture),
        q.Granted.ToString(CultureInfo.InvariantCulture),
        q.Shed.ToString(CultureInfo.InvariantCulture),
        q.Displaced.ToString(CultureInfo.InvariantCulture),
        q.Expired.ToString(CultureInfo.InvariantCulture),
    ];

    private static string[] RowOf(DeploymentView d) =>
    [
        d.Id,
        d.Model,
        d.Provider,
        d.Site,
        d.Backing,
        d.InFlight.ToString(CultureInfo.InvariantCulture),
        d.MaxConcurrency.ToString(CultureInfo.InvariantCulture),
        d.Completed.ToString(CultureInfo.InvariantCulture),
        d.Failed.ToString(CultureInfo.InvariantCulture),
        d.LastFailure,
        d.Withdrawn ?? (!d.Served ? "not served" : StateOf(d.Health, d.DownUntil)),
    ];

    private static string StateOf(HealthView health, DateTimeOffset? until) =>
        (health.State == "closed" ? "up" : $"{health.State.Replace('_', ' ')} ({health.Cause})") +
        (until is { } at ? $" until {TimeText.Of(at)}" : "") +
        (health.ConcurrencyLimit is { } limit ? $", limit {limit}" : "");
}
