using System.CommandLine;
using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands;

/// <summary><c>forebay model curve</c>: capacity over latency objectives.</summary>
public static class ModelCurveCommand
{
    private static readonly Column[] Columns =
    [
        new("DEPLOYMENT"), new("SITE"), new("PLACES", true), new("TTFT P90 MS", true), new("REQUESTS/S", true),
        new("PROMPT TOKENS/S", true), new("OUTPUT TOKENS/S", true), new("SPEED"),
    ];

    public static Command Create()
    {
        Argument<string> model = new("MODEL") { Description = "Id or alias of the model." };
        Option<double[]> first = new("--ttft-p90")
        {
            Description = "A 90th percentile of the time to first token, in milliseconds. Repeat for more.",
        };
        Option<int> token = new("--tpot")
        {
            Description = "Time per output token that holds as well, in milliseconds.",
            DefaultValueFactory = _ => 100,
        };
        var command = new Command("curve", "Show how much can be served of a model, by what latency is asked for.")
        {
            model, first, token,
        };
        return AdminAction.On(command, async (session, cancel) =>
        {
            string query = $"tpot_ms={session.Required(token).ToString(CultureInfo.InvariantCulture)}";
            if (session.Parse.GetValue(first) is { Length: > 0 } times)
            {
                query += "&ttft_p90_ms="
                    + string.Join(',', times.Select(t => t.ToString(CultureInfo.InvariantCulture)));
            }

            CurveView curve = await session.Client
                .CurveAsync(session.Parse.GetRequiredValue(model), query, cancel).ConfigureAwait(false);
            return Show(session, curve);
        });
    }

    private static int Show(AdminSession session, CurveView curve)
    {
        if (session.IsJson)
        {
            session.Output.Json(curve, AdminJson.Default.CurveView);
            return 0;
        }

        session.Output.Pairs(
            ("model", curve.Model),
            ("prompt", $"{Text(curve.PromptTokens)} tokens, {Text(curve.UncachedTokens)} of them to compute"),
            ("answer", $"{Text(curve.OutputTokens)} tokens, at most {Text(curve.TpotMs)} ms each"));
        IEnumerable<string[]> rows = curve.Points.Select(p => RowOf("all", "", "", p, ""))
            .Concat(curve.Deployments.SelectMany(d => d.Points.Select(p => RowOf(
                d.Deployment, d.Site, d.Places.ToString(CultureInfo.InvariantCulture), p, SpeedOf(d)))));
        session.Output.Table(Columns, [.. rows]);
        return 0;
    }

    private static string SpeedOf(CurveDeploymentView d) =>
        (d.Observations == 0 ? "assumed" : "learned")
            + (d.OthersRunning > 0 ? $", shared with {Text(d.OthersRunning)} of others" : "")
            + (d.Out ? ", out: not counted" : "");

    private static string[] RowOf(string deployment, string site, string places, CurvePointView p, string speed) =>
    [
        deployment, site, places, Text(p.TtftP90Ms), p.RequestsPerSecond.ToString("0.##", CultureInfo.InvariantCulture),
        Text(p.PromptTokensPerSecond), Text(p.OutputTokensPerSecond), speed,
    ];

    private static string Text(double value) => value.ToString("#,0.#", CultureInfo.InvariantCulture);
}
