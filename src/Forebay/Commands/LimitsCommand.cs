using System.CommandLine;
using System.Globalization;
using Forebay.Commands.Capacity;
using Forebay.Commands.Connection;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;
using Forebay.Core.Limits;

namespace Forebay.Commands;

/// <summary><c>forebay limits</c>: what tenants may use, what is left, and how that changed.</summary>
public static class LimitsCommand
{
    private static readonly Column[] Standing =
    [
        new("LIMIT"), new("CLASS"), new("UNIT"), new("MOST", true), new("USED", true), new("LEFT", true),
        new("REQUESTS LEFT", true), new("RESETS"), new("BINDS"),
    ];

    private static readonly Column[] History =
    [
        new("SINCE"), new("LIMIT"), new("CLASS"), new("BEFORE"), new("AFTER"), new("BY"), new("SOURCE"),
    ];

    public static Command Create() => new("limits", "What tenants may use, and how that changed.")
    {
        CreateShow(),
        CreateHistory(),
        LimitsFollowCommands.CreatePropose(),
        LimitsFollowCommands.CreateProposals(),
        LimitsFollowCommands.CreateApply(),
        LimitsFollowCommands.CreateRollback(),
    };

    private static Command CreateShow()
    {
        Option<string> tenant = TenantOption();
        var command = new Command("show", "Show a tenant's limits, what is left of them and which one binds.")
        {
            tenant,
        };
        return AdminAction.On(command, async (session, cancel) =>
        {
            TenantLimitsView view = await session.Client.LimitsAsync(session.Required(tenant), cancel)
                .ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(view, AdminJson.Default.TenantLimitsView);
                return 0;
            }

            session.Output.Pairs(
                ("tenant", view.Tenant),
                ("tier", view.Tier),
                ("as of", TimeText.Of(view.AsOf)),
                ("changed", view.Changes is [var last, ..] ? TimeText.Of(last.At) : "never"));
            foreach (LimitMultiplier multiplier in view.Multipliers ?? [])
            {
                session.Output.Pairs(("multiplier", $"{multiplier.Hours} for {multiplier.ModelClass ?? "all else"}"));
            }

            if (view.Announced is { } announced)
            {
                session.Output.Pairs(("announced", $"from {TimeText.Of(announced.EffectiveAt)}: " + string.Join(
                    ", ", announced.Multipliers.Select(m => $"{m.Hours} for {m.ModelClass ?? "all else"}"))));
            }

            session.Output.Line("");
            if (view.Limits.Count == 0)
            {
                session.Output.Line("Nothing is limited.");
            }
            else
            {
                session.Output.Table(Standing, [.. view.Limits.Select(l => RowOf(l, view.Binds))]);
            }

            return 0;
        });
    }

    private static Command CreateHistory()
    {
        Option<string?> tenant = new("--tenant")
        {
            Description = "The tenant; left out, decisions on the limits of all tenants.",
        };
        Option<int> most = new("--limit")
        {
            Description = "Most changes to show, the last one first.",
            DefaultValueFactory = _ => 50,
        };
        var command = new Command("history", "Show how limits changed.") { tenant, most };
        return AdminAction.On(command, async (session, cancel) =>
        {
            if (session.Parse.GetValue(tenant) is not { } id)
            {
                return await LimitsFollowCommands.PrintVersionsAsync(session, session.Required(most), cancel)
                    .ConfigureAwait(false);
            }

            LimitHistoryView view = await session.Client
                .LimitHistoryAsync(id, session.Required(most), cancel).ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(view, AdminJson.Default.LimitHistoryView);
            }
            else
            {
                session.Output.Table(History, [.. view.Changes.Select(RowOf)]);
            }

            return 0;
        });
    }

    private static Option<string> TenantOption() => new("--tenant") { Description = "The tenant.", Required = true };

    private static string[] RowOf(LimitStatus l, BindingLimit? binds) =>
    [
        l.Name,
        l.ModelClass ?? "all",
        l.Unit.Replace('_', ' '),
        Amount(l.Limit),
        Amount(l.Used),
        Amount(l.Remaining),
        l.RequestsLeft is { } left ? left.ToString("#,0.#", CultureInfo.InvariantCulture) : "-",
        l.ResetsAt is { } at ? TimeText.Of(at) : "-",
        l.Name == binds?.Name && l.ModelClass == binds.ModelClass ? "<" : "",
    ];

    private static string[] RowOf(LimitChange c) =>
    [
        TimeText.Of(c.At), c.Name, c.ModelClass ?? "all", c.Before ?? "none", c.After ?? "none", c.ChangedBy, c.Source,
    ];

    private static string Amount(decimal amount) => amount.ToString("#,0.######", CultureInfo.InvariantCulture);
}
