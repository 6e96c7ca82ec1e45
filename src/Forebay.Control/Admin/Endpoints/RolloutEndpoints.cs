using Forebay.Control.Admin.Contract;
using Forebay.Control.Errors;
using Forebay.Control.Rollout;
using Forebay.Core.Serving.Rollout;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>Rollouts of model versions.</summary>
internal sealed class RolloutEndpoints(AdminServices services)
{
    private const int LongestReason = 500;

    public Task ListAsync(AdminCall call)
    {
        var fields = new QueryFields(call.Http.Request.Query);
        string? model = fields.Text("model");
        int limit = (int)fields.Number("limit", 50, 1, 1000);
        fields.Done();
        string? id = model is null ? null : services.Exports.Find(model).Id;
        RolloutView[] rollouts =
        [
            .. services.Rollouts.All.Where(r => id is null || r.Model == id).Reverse().Take(limit)
                .Select(r => ViewOf(r, null)),
        ];
        return call.ReplyAsync(
            StatusCodes.Status200OK, new RolloutListView(rollouts), AdminJson.Default.RolloutListView);
    }

    public Task ShowAsync(AdminCall call)
    {
        string model = ModelOf(call);
        ModelRollout last = services.Rollouts.Last(model) ?? throw new RefusedException(
            RefusalKind.NotFound, $"{model} was never rolled out. `forebay rollout start` begins a rollout.");
        return ReplyAsync(call, last);
    }

    public async Task StartAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        string to = body.Text("to", "2026-10-01");
        string? from = body.OptionalText("from", "2026-04-01");
        IReadOnlyList<double>? steps = body.OptionalNumbers("steps", 0.05);
        double? hold = body.OptionalNumber("hold_seconds", 600);
        double? least = body.OptionalNumber("min_requests", 100);
        if (least is { } n && (n < 1 || n > 1e9 || n != Math.Floor(n)))
        {
            body.Add("min_requests", "is not a whole number in range.", "Send 1 to 1000000000.");
        }

        body.Done();
        ModelRollout rollout = await services.Rollouts.StartAsync(
            services.Exports.Find(call.Name), new RolloutAsked(to, from, steps, hold, (int?)least), call.Actor)
            .ConfigureAwait(false);
        await ReplyAsync(call, rollout).ConfigureAwait(false);
    }

    public async Task PauseAsync(AdminCall call) => await ReplyAsync(
        call, await services.Rollouts.PauseAsync(ModelOf(call), call.Actor).ConfigureAwait(false))
        .ConfigureAwait(false);

    public async Task ResumeAsync(AdminCall call) => await ReplyAsync(
        call, await services.Rollouts.ResumeAsync(ModelOf(call), call.Actor).ConfigureAwait(false))
        .ConfigureAwait(false);

    public async Task RollBackAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        string? reason = body.OptionalText("reason", "complaints");
        if (reason is { Length: > LongestReason })
        {
            body.Add("reason", "is too long.", $"Send at most {LongestReason} characters.");
        }

        body.Done();
        await ReplyAsync(
            call,
            await services.Rollouts.RollBackAsync(ModelOf(call), call.Actor, reason).ConfigureAwait(false))
            .ConfigureAwait(false);
    }

    private string ModelOf(AdminCall call) => services.Exports.Find(call.Name).Id;

    private Task ReplyAsync(AdminCall call, ModelRollout rollout) => call.ReplyAsync(
        StatusCodes.Status200OK,
        ViewOf(rollout, services.Rollouts.TallyOf(rollout.Model)),
        AdminJson.Default.RolloutView);

    private static RolloutView ViewOf(ModelRollout r, VersionTally? tally) => new(
        r.Id,
        r.Model,
        r.From,
        r.To,
        r.Phase.Word(),
        r.Share,
        r.Step,
        r.Steps,
        r.HoldSeconds,
        r.MinRequests,
        DateTimeOffset.FromUnixTimeMilliseconds(r.StartedUnixMs),
        DateTimeOffset.FromUnixTimeMilliseconds(r.StepSinceUnixMs),
        DateTimeOffset.FromUnixTimeMilliseconds(r.ChangedUnixMs),
        r.Actor,
        r.Reason,
        r.Looks,
        tally is null
            ? null
            :
            [
                .. tally.Pairs.SelectMany(p => new[]
                {
                    ArmOf(p.Provider, r.From, p.Old), ArmOf(p.Provider, r.To, p.New),
                }),
            ]);

    private static RolloutArmView ArmOf(string provider, string version, VersionArm arm) => new(
        provider,
        version,
        arm.Served,
        arm.Failed,
        Quantile(arm.FirstToken, 0.5),
        Quantile(arm.FirstToken, 0.9),
        Quantile(arm.OutputToken, 0.5),
        Quantile(arm.OutputToken, 0.9));

    private static double Quantile(ReadOnlySpan<long> counts, double share) =>
        Math.Round(VersionArm.QuantileMs(counts, share), 2);
}
