using System.Globalization;
using Forebay.Control.Admin.Contract;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>What a model's deployments can serve, as a curve over latency objectives.</summary>
internal sealed class CurveEndpoints(AdminServices services)
{
    private const double Share = 0.9;
    private const long LongestMs = 3_600_000;
    private const int MostPoints = 32;
    private static readonly double[] UsualMs = [200, 500, 1000, 2000, 5000, 10_000];

    public Task ShowAsync(AdminCall call)
    {
        var fields = new QueryFields(call.Http.Request.Query);
        long tokenMs = fields.Number("tpot_ms", 100, 1, LongestMs);
        double[] firstMs = Times(fields);
        fields.Done();
        ServedModel model = services.Exports.Find(call.Name);
        LatencyObjective[] objectives =
        [
            .. firstMs.Select(ms => new LatencyObjective(ms * Instant.NsPerMs, tokenMs * Instant.NsPerMs, Share)),
        ];
        var capacity = ModelCapacity.Of(
            services.Fleet, model, objectives, Instant.From(services.Time).MonotonicNs);
        return call.ReplyAsync(
            StatusCodes.Status200OK, ViewOf(model, capacity, tokenMs), AdminJson.Default.CurveView);
    }

    private static double[] Times(QueryFields fields)
    {
        if (fields.Text("ttft_p90_ms") is not { } text)
        {
            return UsualMs;
        }

        string[] parts = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var times = new List<double>();
        foreach (string part in parts)
        {
            if (double.TryParse(part, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double ms)
                && ms is > 0 and <= LongestMs)
            {
                times.Add(ms);
            }
        }

        if (times.Count != parts.Length || times.Count is 0 or > MostPoints)
        {
            fields.Add(
                "ttft_p90_ms",
                "is not a list of times in milliseconds.",
                $"Give 1 to {MostPoints} of them, joined by commas, each above 0 and at most {LongestMs}.");
        }

        return [.. times.Order()];
    }

    private static CurveView ViewOf(ServedModel model, ModelCapacity capacity, double tokenMs) => new(
        model.Id,
        tokenMs,
        Math.Round(capacity.PromptTokens, 1),
        Math.Round(capacity.UncachedTokens, 1),
        Math.Round(capacity.OutputTokens, 1),
        [.. capacity.Points.Select(ViewOf)],
        [
            .. capacity.Deployments.Select(d => new CurveDeploymentView(
                d.Deployment.Id,
                d.Deployment.Site.Id,
                d.Places,
                d.IsOut,
                d.Observations,
                Math.Round(d.OthersRunning, 1),
                [.. d.Points.Select(ViewOf)])),
        ]);

    private static CurvePointView ViewOf(CapacityPoint p) => new(
        p.Objective.FirstTokenNs / Instant.NsPerMs,
        Math.Round(p.RequestsPerSecond, 3),
        Math.Round(p.PromptTokensPerSecond, 1),
        Math.Round(p.OutputTokensPerSecond, 1));
}
