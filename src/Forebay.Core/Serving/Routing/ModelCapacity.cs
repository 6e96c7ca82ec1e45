using Forebay.Core.Fleet;

namespace Forebay.Core.Serving.Routing;

/// <summary>What can be served under one objective.</summary>
/// <param name="Objective">The objective.</param>
/// <param name="RequestsPerSecond">Requests of the model's present shape.</param>
/// <param name="PromptTokensPerSecond">Their prompts, what is cached of them included.</param>
/// <param name="OutputTokensPerSecond">Their answers.</param>
public readonly record struct CapacityPoint(
    LatencyObjective Objective,
    double RequestsPerSecond,
    double PromptTokensPerSecond,
    double OutputTokensPerSecond);

/// <summary>The curve of one deployment.</summary>
/// <param name="Deployment">The deployment.</param>
/// <param name="Places">Requests at once that health, configuration and KV memory leave it.</param>
/// <param name="IsOut">Whether it is taken out now: it has a curve and does not count into the model's.</param>
/// <param name="Observations">First tokens that its speed was learned from; 0 where it is what was assumed.</param>
/// <param name="OthersRunning">Requests of others at its engine, as it reported lately: they share the curve.</param>
/// <param name="Points">One per objective.</param>
public sealed record DeploymentCapacity(
    Deployment Deployment,
    int Places,
    bool IsOut,
    long Observations,
    double OthersRunning,
    CapacityPoint[] Points);

/// <summary>What a model's deployments can serve, as a curve over latency objectives, for requests as they are now.
/// </summary>
/// <param name="PromptTokens">Mean prompt, in tokens.</param>
/// <param name="UncachedTokens">What has to be computed of it.</param>
/// <param name="OutputTokens">Mean answer.</param>
/// <param name="Deployments">One curve each.</param>
/// <param name="Points">The sum over those that are not out.</param>
public sealed record ModelCapacity(
    double PromptTokens,
    double UncachedTokens,
    double OutputTokens,
    DeploymentCapacity[] Deployments,
    CapacityPoint[] Points)
{
    /// <summary>Reads the curves off what was learned. O(deployments x objectives).</summary>
    public static ModelCapacity Of(
        FleetState state, ServedModel model, IReadOnlyList<LatencyObjective> objectives, long nowNs)
    {
        (double prompt, double uncached, double output) = ShapeOf(state, model);
        var shape = new RequestShape(uncached, output);
        DeploymentCapacity[] each =
        [
            .. model.Deployments.Where(d => d.Endpoint is not null)
                .Select(d => Of(state, d, shape, prompt, objectives, nowNs)),
        ];
        CapacityPoint[] sum =
        [
            .. objectives.Select((objective, i) => Point(
                objective, each.Where(d => !d.IsOut).Sum(d => d.Points[i].RequestsPerSecond), prompt, output)),
        ];
        return new ModelCapacity(prompt, uncached, output, each, sum);
    }

    private static DeploymentCapacity Of(
        FleetState state,
        Deployment deployment,
        RequestShape shape,
        double promptTokens,
        IReadOnlyList<LatencyObjective> objectives,
        long nowNs)
    {
        RouteLoad load = state.LoadOf(deployment);
        int places = state.PlacesOf(deployment, nowNs);
        if (load.KvTokens > 0)
        {
            // A request holds its prompt and, in the mean, half of its answer.
            double fit = load.KvTokens / (promptTokens + shape.OutputTokens / 2);
            places = (int)Math.Min(places, Math.Max(1, fit));
        }

        RouteCell cell = state.Routing.Cells[load.Number];
        return new DeploymentCapacity(
            deployment,
            places,
            state.Of(deployment).IsOut(nowNs),
            load.FirstToken.Observations,
            load.OthersRunning,
            [
                .. objectives.Select(objective => Point(
                    objective,
                    CapacityCurve.RequestsPerSecond(cell, shape, objective, places),
                    promptTokens,
                    shape.OutputTokens)),
            ]);
    }

    /// <summary>What requests are like, by what each deployment saw.</summary>
    private static (double Prompt, double Uncached, double Output) ShapeOf(FleetState state, ServedModel model)
    {
        double weights = 0;
        (double prompt, double uncached, double output) = (0, 0, 0);
        foreach (Deployment deployment in model.Deployments)
        {
            // One that saw nothing says what is assumed: that counts where none saw anything.
            RouteLoad load = state.LoadOf(deployment);
            double weight = state.Of(deployment).Completed + 1e-6;
            weights += weight;
            prompt += weight * load.PromptTokens;
            uncached += weight * load.UncachedTokens;
            output += weight * load.AnswerTokens;
        }

        return weights > 0 ? (prompt / weights, uncached / weights, output / weights) : (0, 0, 0);
    }

    private static CapacityPoint Point(LatencyObjective objective, double rate, double prompt, double output) =>
        new(objective, rate, rate * prompt, rate * output);
}
