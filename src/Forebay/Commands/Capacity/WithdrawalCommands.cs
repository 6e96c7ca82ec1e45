using System.CommandLine;
using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands.Capacity;

/// <summary><c>forebay drain</c>, <c>reclaim</c>, <c>drill</c> and <c>withdrawals</c>: capacity that stops serving, in
/// order, by its provider, or as a rehearsal.</summary>
public static class WithdrawalCommands
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(250);

    private static readonly Column[] ListColumns =
    [
        new("ID"), new("KIND"), new("SCOPE"), new("TARGET"), new("PHASE"), new("FROM"), new("BY"),
        new("MOVED", true), new("REFUSED", true), new("FAILED", true),
    ];

    private static readonly Column[] ImpactColumns =
    [
        new("MODEL"), new("SERVED", true), new("MOVED", true), new("REFUSED", true), new("FAILED", true),
        new("TTFT P50 BEFORE", true), new("DURING", true), new("P95 BEFORE", true), new("DURING", true),
    ];

    public static Command CreateDrain()
    {
        Argument<string> target = new("POOL") { Description = "The pool; or another thing that --scope names." };
        Option<string> scope = new("--scope")
        {
            Description = "What to drain: pool, site, provider, commitment or group.",
            DefaultValueFactory = _ => "pool",
        };
        Option<DateTimeOffset?> at = TimeArguments.Moment("--at", "From when; now when left out.", back: false);
        Option<TimeSpan?> cut = CutOption("10m");
        Option<TimeSpan?> length = TimeArguments.Duration(
            "--for", "How long it is out; until it is returned when left out.");
        Option<bool> wait = new("--wait") { Description = "Wait until nothing is in flight there any more." };
        var command = new Command("drain", "Send nothing new to a pool; what is in flight there finishes or moves.")
        {
            target, scope, at, cut, length, wait,
        };
        return AdminAction.On(command, async (session, cancel) =>
        {
            var body = new WithdrawalBody(
                "drain", session.Required(scope), session.Parse.GetRequiredValue(target), session.Parse.GetValue(at),
                session.Parse.GetValue(cut)?.TotalSeconds, session.Parse.GetValue(length)?.TotalSeconds);
            WithdrawalView view = await session.Client.WithdrawAsync(body, cancel).ConfigureAwait(false);
            return Show(session, session.Parse.GetValue(wait)
                ? await WaitAsync(session, view, v => v.Phase is "out" or "returned", cancel).ConfigureAwait(false)
                : view);
        });
    }

    public static Command CreateReclaim()
    {
        Argument<string> target = new("COMMITMENT") { Description = "The commitment that its provider takes back." };
        Option<DateTimeOffset?> at = TimeArguments.Moment(
            "--at", "When the provider takes it: a day, a time, or a length of time ahead.", back: false);
        at.Required = true;
        Option<TimeSpan?> cut = CutOption("0s");
        Option<double?> quantity = new("--quantity")
        {
            Description = "How much of each pool; all when left out. A part is taken from leases, not from requests.",
        };
        var command = new Command(
            "reclaim",
            "A provider takes a commitment back at a time: its notice is put on record, and its pools leave then.")
        {
            target, at, cut, quantity,
        };
        return AdminAction.On(command, async (session, cancel) =>
        {
            var body = new WithdrawalBody(
                "reclaim", "commitment", session.Parse.GetRequiredValue(target), session.Parse.GetValue(at),
                session.Parse.GetValue(cut)?.TotalSeconds ?? 0, null, session.Parse.GetValue(quantity));
            return Show(session, await session.Client.WithdrawAsync(body, cancel).ConfigureAwait(false));
        });
    }

    public static Command CreateDrill()
    {
        Argument<string> target = new("GROUP") { Description = "The concentration group, or provider, to lose." };
        Option<bool> provider = new("--provider") { Description = "GROUP is a provider." };
        Option<TimeSpan?> length = TimeArguments.Duration("--for", "How long it is lost; 1m when left out.");
        Option<bool> leave = new("--no-wait") { Description = "Do not wait for its end." };
        var lose = new Command(
            "lose", "Lose a concentration group at once, for a while, and report what that meant.")
        {
            target, provider, length, leave,
        };
        AdminAction.On(lose, async (session, cancel) =>
        {
            var body = new WithdrawalBody(
                "drill", session.Parse.GetValue(provider) ? "provider" : "group",
                session.Parse.GetRequiredValue(target), null, null, session.Parse.GetValue(length)?.TotalSeconds);
            WithdrawalView view = await session.Client.WithdrawAsync(body, cancel).ConfigureAwait(false);
            if (!session.Parse.GetValue(leave))
            {
                view = await WaitAsync(session, view, v => v.Phase == "returned", cancel).ConfigureAwait(false);
            }

            return Show(session, view) | (view.Impact is { Refused: 0, Failed: 0 } or null ? 0 : AdminAction.Failed);
        });
        return new Command("drill", "Rehearse a loss on the running fleet.") { lose };
    }

    public static Command CreateList()
    {
        Argument<string?> id = new("ID")
        {
            Description = "One of them, with its report; all when left out.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<bool> back = new("--return") { Description = "Let it serve again, or take its announcement back." };
        var command = new Command("withdrawals", "Drains, reclaims and drills: what was moved, slowed and refused.")
        {
            id, back,
        };
        return AdminAction.On(command, async (session, cancel) =>
        {
            if (session.Parse.GetValue(id) is { } one)
            {
                return Show(session, await (session.Parse.GetValue(back)
                    ? session.Client.ReturnAsync(one, cancel)
                    : session.Client.WithdrawalAsync(one, cancel)).ConfigureAwait(false));
            }

            if (session.Parse.GetValue(back))
            {
                throw new CommandException("--return needs the ID of what to return.");
            }

            WithdrawalListView list = await session.Client.WithdrawalsAsync(cancel).ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(list, AdminJson.Default.WithdrawalListView);
            }
            else
            {
                session.Output.Table(ListColumns, [.. list.Withdrawals.Select(RowOf)]);
            }

            return 0;
        });
    }

    private static Option<TimeSpan?> CutOption(string standard) => TimeArguments.Duration(
        "--cut", $"How long after that work in flight may go on before it is cut and moved; {standard} when left out.");

    private static async Task<WithdrawalView> WaitAsync(
        AdminSession session, WithdrawalView view, Func<WithdrawalView, bool> done, CancellationToken cancel)
    {
        while (!done(view))
        {
            await Task.Delay(LookEvery, TimeProvider.System, cancel).ConfigureAwait(false);
            view = await session.Client.WithdrawalAsync(view.Id, cancel).ConfigureAwait(false);
        }

        return view;
    }

    private static int Show(AdminSession session, WithdrawalView view)
    {
        if (session.IsJson)
        {
            session.Output.Json(view, AdminJson.Default.WithdrawalView);
            return 0;
        }

        session.Output.Pairs(
            ("id", view.Id),
            (view.Kind, $"{view.Scope} {view.Target}"),
            ("quantity", view.Quantity is { } quantity ? $"{Count(quantity)} of each pool" : "all"),
            ("on record of", view.Partner is { } partner ? $"partner {partner}" : "no partner"),
            ("phase", view.Phase),
            ("asked", $"{TimeText.Of(view.Asked)} by {view.Actor}"),
            ("from", TimeText.Of(view.From)),
            ("cut at", TimeText.Of(view.CutAt)),
            ("returns", view.ReturnAt is { } at ? TimeText.Of(at) : "when somebody returns it"),
            ("covers", view.Deployments.Count == 0 ? "no deployment" : string.Join(", ", view.Deployments)),
            ("in flight then", Count(view.InFlightAtStart)),
            ("cut", Count(view.CutRequests)),
            ("empty", view.Emptied is { } emptied && view.TakenOut is { } out_
                ? $"after {(emptied - out_).TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture)} s"
                : "not yet"));
        if (view.ShortNoticeDays is { } days)
        {
            session.Output.Line(string.Create(
                CultureInfo.InvariantCulture,
                $"The notice falls {days:0.#} days short of what the commitment owes: a breach."));
        }

        if (view.Impact is { } impact)
        {
            session.Output.Line("");
            session.Output.Line(string.Create(
                CultureInfo.InvariantCulture,
                $"In {impact.DuringSeconds:0.0} s: {impact.Served} served, {impact.Moved} of all moved, " +
                $"{impact.Refused} refused, {impact.Failed} failed; compared with {impact.BeforeSeconds:0} s before."));
            session.Output.Table(ImpactColumns, [.. impact.Models.Select(RowOf)]);
        }

        return 0;
    }

    private static string[] RowOf(WithdrawalView w) =>
    [
        w.Id, w.Kind, w.Scope, w.Target, w.Phase, TimeText.Of(w.From), w.Actor,
        Count(w.Impact?.Moved ?? 0), Count(w.Impact?.Refused ?? 0), Count(w.Impact?.Failed ?? 0),
    ];

    private static string[] RowOf(ModelImpactView m) =>
    [
        m.Model, Count(m.During.Served), Count(m.During.Moved), Count(m.During.Refused), Count(m.During.Failed),
        Ms(m.Before.FirstTokenP50Ms), Ms(m.During.FirstTokenP50Ms),
        Ms(m.Before.FirstTokenP95Ms), Ms(m.During.FirstTokenP95Ms),
    ];

    private static string Count(long count) => count.ToString("#,0", CultureInfo.InvariantCulture);

    private static string Ms(double? ms) => ms?.ToString("0 ms", CultureInfo.InvariantCulture) ?? "-";
}
