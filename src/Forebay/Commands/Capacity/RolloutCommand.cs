using System.CommandLine;
using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands.Capacity;

/// <summary><c>forebay rollout</c>: a new version of a model takes over from the one before.</summary>
public static class RolloutCommand
{
    private static readonly Column[] Arms =
    [
        new("PROVIDER"), new("VERSION"), new("SERVED", true), new("FAILED", true), new("TTFT P50 MS", true),
        new("P90", true), new("TPOT P50 MS", true), new("P90", true),
    ];

    private static readonly Column[] History =
    [
        new("ID", true), new("MODEL"), new("FROM"), new("TO"), new("PHASE"), new("SHARE", true), new("STARTED"),
        new("CHANGED"), new("BY"), new("REASON"),
    ];

    public static Command Create() => new("rollout", "Let a new version of a model take over, step by step.")
    {
        CreateStart(),
        OnOne("show", "Show a model's last rollout and how its versions compare.",
            (client, model, cancel) => client.RolloutAsync(model, cancel)),
        OnOne("pause", "Hold a rollout at its share; a harmful version is still rolled back.",
            (client, model, cancel) => client.ChangeRolloutAsync(model, "pause", cancel)),
        OnOne("resume", "Go on with a paused rollout.",
            (client, model, cancel) => client.ChangeRolloutAsync(model, "resume", cancel)),
        CreateRollBack(),
        CreateHistory(),
    };

    private static Argument<string> ModelArgument() => new("MODEL") { Description = "Id or alias of the model." };

    private static Command OnOne(
        string name, string description, Func<AdminClient, string, CancellationToken, Task<RolloutView>> call)
    {
        Argument<string> model = ModelArgument();
        return AdminAction.On(new Command(name, description) { model }, async (session, cancel) => Show(
            session,
            await call(session.Client, session.Parse.GetRequiredValue(model), cancel).ConfigureAwait(false)));
    }

    private static Command CreateStart()
    {
        Argument<string> model = ModelArgument();
        Option<string> to = new("--to") { Description = "The version that takes over.", Required = true };
        Option<string?> from = new("--from")
        {
            Description = "The version before; the one in force, or the only other one, when left out.",
        };
        Option<double[]> steps = new("--steps")
        {
            Description = "Shares of the conversations, rising to 1, such as 0.01 0.05 0.25 1.",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<TimeSpan?> hold = TimeArguments.Duration("--hold", "Least time at each step, such as 10m.");
        Option<int?> least = new("--min-requests") { Description = "Least answers of the new version at each step." };
        var command = new Command("start", "Begin a rollout. What is left out is as the fleet file says.")
        {
            model, to, from, steps, hold, least,
        };
        return AdminAction.On(command, async (session, cancel) => Show(session, await session.Client
            .StartRolloutAsync(
                session.Parse.GetRequiredValue(model),
                new RolloutBody(
                    session.Required(to),
                    session.Parse.GetValue(from),
                    session.Parse.GetValue(steps) is { Length: > 0 } shares ? shares : null,
                    session.Parse.GetValue(hold)?.TotalSeconds,
                    session.Parse.GetValue(least)),
                cancel)
            .ConfigureAwait(false)));
    }

    private static Command CreateRollBack()
    {
        Argument<string> model = ModelArgument();
        Option<string?> reason = new("--reason") { Description = "Why, for the record." };
        var command = new Command("rollback", "Go back to the version before, at once and wherever the rollout is.")
        {
            model, reason,
        };
        return AdminAction.On(command, async (session, cancel) => Show(session, await session.Client
            .RollBackAsync(
                session.Parse.GetRequiredValue(model), new RollBackBody(session.Parse.GetValue(reason)), cancel)
            .ConfigureAwait(false)));
    }

    private static Command CreateHistory()
    {
        Argument<string?> model = new("MODEL")
        {
            Description = "Only this model's.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<int> most = new("--limit")
        {
            Description = "Most rollouts to show, the last one first.",
            DefaultValueFactory = _ => 50,
        };
        var command = new Command("history", "Show the rollouts that were.") { model, most };
        return AdminAction.On(command, async (session, cancel) =>
        {
            string query = UsageCommand.QueryOf(
                ("model", session.Parse.GetValue(model)),
                ("limit", session.Required(most).ToString(CultureInfo.InvariantCulture)));
            RolloutListView view = await session.Client.RolloutsAsync(query, cancel).ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(view, AdminJson.Default.RolloutListView);
            }
            else
            {
                session.Output.Table(History, [.. view.Rollouts.Select(RowOf)]);
            }

            return 0;
        });
    }

    private static int Show(AdminSession session, RolloutView r)
    {
        if (session.IsJson)
        {
            session.Output.Json(r, AdminJson.Default.RolloutView);
            return 0;
        }

        session.Output.Pairs(
            ("model", r.Model),
            ("versions", $"{r.From} to {r.To}"),
            ("phase", r.Phase),
            ("share", $"{Share(r.Share)} of {string.Join(", ", r.Steps.Select(Share))}"),
            ("at this step", $"since {TimeText.Of(r.StepSince)}, for {Text(r.HoldSeconds)} s and {r.MinRequests} "
                + "answers at least"),
            ("changed", $"{TimeText.Of(r.Changed)} by {r.Actor}: {r.Reason}"),
            ("comparisons", r.Looks.ToString(CultureInfo.InvariantCulture)));
        if (r.Arms is { Count: > 0 } arms)
        {
            session.Output.Table(Arms, [.. arms.Select(RowOf)]);
        }

        return 0;
    }

    private static string[] RowOf(RolloutArmView a) =>
    [
        a.Provider, a.Version, Text(a.Served), Text(a.Failed), Text(a.TtftP50Ms), Text(a.TtftP90Ms),
        Text(a.TpotP50Ms), Text(a.TpotP90Ms),
    ];

    private static string[] RowOf(RolloutView r) =>
    [
        r.Id.ToString(CultureInfo.InvariantCulture), r.Model, r.From, r.To, r.Phase, Share(r.Share),
        TimeText.Of(r.Started), TimeText.Of(r.Changed), r.Actor, r.Reason,
    ];

    private static string Share(double share) => (share * 100).ToString("0.##", CultureInfo.InvariantCulture) + "%";

    private static string Text(double value) => value.ToString("#,0.##", CultureInfo.InvariantCulture);
}
