using System.CommandLine;
using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;
using Forebay.Core.Serving.Routing;

namespace Forebay.Commands;

/// <summary><c>forebay explain</c>: why a request went where it went.</summary>
public static class ExplainCommand
{
    private static readonly Column[] Stories =
        [new("REQUEST"), new("ACCEPTED"), new("TENANT"), new("MODEL"), new("KEPT BECAUSE"), new("OUTCOME")];

    private static readonly Column[] Policed =
        [new("DEPLOYMENT"), new("SITE"), new("JURISDICTION"), new("EXCLUDED BY")];

    private static readonly Column[] Candidates =
    [
        new("DEPLOYMENT"), new("SITE"), new("OUT"), new("LINK MS", true), new("QUEUE MS", true),
        new("PREFILL MS", true), new("FIRST TOKEN MS", true), new("OTHERS MS", true), new("MS/TOKEN", true),
        new("PRICE USD", true), new("CACHED", true), new("IN FLIGHT", true),
    ];

    public static Command Create()
    {
        Argument<string?> id = new("REQUEST-ID")
        {
            Description = "Id of the request, as in its header request-id; without it, what can be read.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string?> tenant = new("--tenant") { Description = "List only this tenant's." };
        Option<string?> watch = new("--watch")
        {
            Description = "Keep the routing of all requests of this tenant for a while.",
        };
        Option<TimeSpan?> span = TimeArguments.Duration("--for", "How long to watch; 10m when left out, 0s to end it.");
        var command = new Command("explain", "Show why a request went where it went, step by step.")
        {
            id, tenant, watch, span,
        };
        return AdminAction.On(command, async (session, cancel) =>
        {
            if (session.Parse.GetValue(watch) is { } watched)
            {
                return Show(session, await session.Client
                    .WatchAsync(watched, session.Parse.GetValue(span)?.TotalSeconds, cancel).ConfigureAwait(false));
            }

            if (session.Parse.GetValue(id) is { } one)
            {
                return Show(session, await session.Client.ExplainAsync(one, cancel).ConfigureAwait(false));
            }

            string query = UsageCommand.QueryOf(("tenant", session.Parse.GetValue(tenant)));
            return Show(session, await session.Client.ExplanationsAsync(query, cancel).ConfigureAwait(false));
        });
    }

    private static int Show(AdminSession session, WatchView view)
    {
        if (session.IsJson)
        {
            session.Output.Json(view, AdminJson.Default.WatchView);
        }
        else
        {
            session.Output.Line(view.Until is { } until
                ? $"The routing of {view.Tenant}'s requests is kept until {TimeText.Of(until)}, as far as memory goes."
                : $"{view.Tenant} is no longer watched.");
        }

        return 0;
    }

    private static int Show(AdminSession session, ExplainListView view)
    {
        if (session.IsJson)
        {
            session.Output.Json(view, AdminJson.Default.ExplainListView);
        }
        else
        {
            session.Output.Table(Stories, [.. view.Requests.Select(r => (string[])[
                r.RequestId, TimeText.Of(r.Accepted), r.Tenant, r.Model, r.Cause, r.Outcome])]);
        }

        return 0;
    }

    private static int Show(AdminSession session, ExplanationView story)
    {
        CommandOutput output = session.Output;
        if (session.IsJson)
        {
            output.Json(story, AdminJson.Default.ExplanationView);
            return 0;
        }

        output.Pairs(
            ("request", story.RequestId),
            ("accepted", TimeText.Of(story.Accepted)),
            ("tenant", story.Tenant),
            ("key", story.Key),
            ("model", story.Model),
            ("kept because", story.Cause
                + (story.Late ? "; what was decided before that is found out afterwards" : "")));
        foreach (ExplainStepView step in story.Steps)
        {
            output.Line("");
            output.Line($"{step.AtMs.ToString("0.000", CultureInfo.InvariantCulture)} ms  {step.Step}: {step.Text}");
            if (step.Policed is { } policed)
            {
                output.Table(Policed, [.. policed.Select(p => (string[])[
                    p.Deployment, p.Site, p.Jurisdiction, p.ExcludedBy ?? ""])]);
            }

            if (step.RulesJson is { } rules)
            {
                output.Line($"rules: {rules}");
            }

            if (step.Route is { } route)
            {
                output.Table(Candidates, [.. route.Candidates.Select(RowOf)]);
            }
        }

        return 0;
    }

    private static string[] RowOf(RouteCandidate c) =>
    [
        c.Deployment, c.Site, c.ExcludedBy ?? c.OutOfOrder ?? "", Ms(c.LinkMs), Ms(c.QueueMs), Ms(c.PrefillMs),
        Ms(c.FirstTokenMs), Ms(c.OthersMs), Ms(c.TokenMs),
        (c.PriceMicros / 1e6).ToString("0.000000", CultureInfo.InvariantCulture),
        c.OverlapTokens.ToString("#,0", CultureInfo.InvariantCulture),
        string.Create(CultureInfo.InvariantCulture, $"{c.InFlight}/{c.Places}"),
    ];

    private static string Ms(double ms) => ms.ToString("0.###", CultureInfo.InvariantCulture);
}
