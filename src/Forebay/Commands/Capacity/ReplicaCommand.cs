using System.CommandLine;
using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands.Capacity;

/// <summary><c>forebay replica</c>: the engines that serve models, and what they are about.</summary>
public static class ReplicaCommand
{
    private static readonly Column[] Columns =
    [
        new("ID"), new("MODEL"), new("VERSION"), new("POOL"), new("PHASE"), new("SINCE"), new("GENERATION", true),
        new("FAILURES", true), new("IN FLIGHT", true), new("REASON"),
    ];

    public static Command Create() => new("replica", "The replicas of models, and the engines that run them.")
    {
        CreateList(),
        CreateShow(),
        CreateLogs(),
        CreateChange(
            "stop",
            "Drain a replica and stop its engine; it stays stopped, though it is wanted, until it is restarted.",
            static (client, id, cancel) => client.StopReplicaAsync(id, cancel)),
        CreateChange(
            "restart",
            "Replace a replica's engine by a new one after draining it; begin one anew that was stopped or failed.",
            static (client, id, cancel) => client.RestartReplicaAsync(id, cancel)),
    };

    private static Command CreateList()
    {
        Option<string?> model = new("--model") { Description = "Only replicas of a model." };
        Option<string?> pool = new("--pool") { Description = "Only replicas on a pool." };
        var command = new Command("list", "List replicas with their phase.") { model, pool };
        return AdminAction.On(command, async (session, cancel) =>
        {
            ReplicaListView view = await session.Client
                .ReplicasAsync(session.Parse.GetValue(model), session.Parse.GetValue(pool), cancel)
                .ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(view, AdminJson.Default.ReplicaListView);
            }
            else
            {
                session.Output.Table(Columns, [.. view.Replicas.Select(RowOf)]);
            }

            return 0;
        });
    }

    private static Command CreateShow() => AdminAction.OnOne(
        new Command("show", "Show a replica: its engine, its weights, what it said."),
        Id(),
        static (client, id, cancel) => client.ReplicaAsync(id, cancel),
        Show);

    private static Command CreateLogs()
    {
        Argument<string> id = Id();
        Option<int> lines = new("--lines") { Description = "Most lines.", DefaultValueFactory = _ => 100 };
        Option<long?> generation = new("--generation")
        {
            Description = "Of an earlier engine; the last when left out.",
        };
        var command = new Command("logs", "Print the last lines that a replica's engine wrote.")
        {
            id, lines, generation,
        };
        return AdminAction.On(command, async (session, cancel) =>
        {
            ReplicaLogView view = await session.Client
                .ReplicaLogAsync(
                    session.Parse.GetRequiredValue(id),
                    session.Required(lines),
                    session.Parse.GetValue(generation),
                    cancel)
                .ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(view, AdminJson.Default.ReplicaLogView);
                return 0;
            }

            foreach (string line in view.Lines)
            {
                session.Output.Line(line);
            }

            return 0;
        });
    }

    private static Command CreateChange(
        string name, string description, Func<AdminClient, string, CancellationToken, Task<ReplicaView>> change) =>
        AdminAction.OnOne(new Command(name, description), Id(), change, Show);

    private static Argument<string> Id() => new("ID") { Description = "The replica." };

    private static int Show(AdminSession session, ReplicaView r)
    {
        if (session.IsJson)
        {
            session.Output.Json(r, AdminJson.Default.ReplicaView);
            return 0;
        }

        session.Output.Pairs(
            ("replica", r.Id),
            ("model", $"{r.Model} version {r.Version}{(r.Build.Length > 0 ? $", {r.Build}" : "")}"),
            ("where", $"pool {r.Pool} at {r.Site}, {r.Accelerators} accelerators"),
            ("phase", $"{r.Phase} since {TimeText.Of(r.Since)}{(r.Held ? ", stopped by an operator" : "")}"
                + (r.Wanted ? "" : ", no longer wanted")),
            ("deadline", r.Deadline is { } deadline ? TimeText.Of(deadline) : "none"),
            ("generation", r.Generation.ToString(CultureInfo.InvariantCulture)),
            ("failures", r.Failures.ToString(CultureInfo.InvariantCulture)
                + (r.NextTry is { } next ? $", next try {TimeText.Of(next)}" : "")),
            ("reason", r.Reason ?? "none"),
            ("said", r.Said ?? "nothing wrong"),
            ("engine", r.Work is null ? "none" : $"{r.Work} at {r.Endpoint ?? "no port"}"),
            ("requests", $"{r.InFlight} in flight, {(r.Routed ? "routed" : "not routed")}"));
        foreach (WeightsView w in r.Weights)
        {
            session.Output.Pairs(
                ("weights", w.Sha256),
                ("  phase", $"{w.Phase}{(w.Reason is null ? "" : $": {w.Reason}")}"),
                ("  verified", $"{Amount(w.VerifiedBytes)} of {Amount(w.SizeBytes)} bytes, from {w.From} to {w.Site}"),
                ("  sent", string.Create(
                    CultureInfo.InvariantCulture,
                    $"{w.SentBytes:#,0} bytes, {w.EgressUsd:0.####} USD, {w.Cuts} cuts, ")
                    + $"{w.PartsFetchedAgain} parts fetched again"),
                ("  done", w.Done is { } done ? TimeText.Of(done) : w.Phase == "done" ? "yes" : "not foreseen"));
        }

        return 0;
    }

    private static string[] RowOf(ReplicaView r) =>
    [
        r.Id, r.Model, r.Version, r.Pool, r.Held ? $"{r.Phase} (held)" : r.Phase, TimeText.Of(r.Since),
        r.Generation.ToString(CultureInfo.InvariantCulture), r.Failures.ToString(CultureInfo.InvariantCulture),
        r.InFlight.ToString(CultureInfo.InvariantCulture), r.Reason ?? "",
    ];

    private static string Amount(long bytes) => bytes.ToString("#,0", CultureInfo.InvariantCulture);
}
