using System.Reflection;
using Forebay.Control.Admin.Contract;
using Forebay.Core.Capacity.Withdrawals;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;
using Forebay.Core.Serving.Queue;
using Forebay.Core.Time;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>What the server is and does now.</summary>
internal sealed class StatusEndpoints(AdminServices services, HealthEndpoints health)
{
    private static readonly string Version = typeof(StatusEndpoints).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    private readonly DateTimeOffset _started = services.Time.GetUtcNow();

    public Task StatusAsync(AdminCall call)
    {
        FleetState state = services.Fleet;
        FleetModel model = state.Model;
        var now = Instant.From(services.Time);
        var view = new StatusView(
            Version,
            _started,
            health.Failing().Count == 0,
            state.Draining,
            state.Waiting,
            services.Journal.Writable,
            FleetOf(model, state.Keys.Count),
            services.FleetFile(),
            [.. model.Deployments.Select(d => ViewOf(d, state.Of(d), now))],
            [.. model.Models.SelectMany(m => QueuesOf(m, state.QueueOf(m), now))],
            FollowingEndpoints.AlarmsOf(services.Following.View),
            [.. services.Concentration.Last.Passed.Select(ConcentrationEndpoints.ViewOf)]);
        return call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.StatusView);
    }

    public static Task ErrorsAsync(AdminCall call) => call.ReplyAsync(
        StatusCodes.Status200OK,
        new ReasonListView([.. ReasonTable.Rows.Select(r => new ReasonView(
            r.Label,
            r.AnthropicStatus,
            r.AnthropicType,
            r.OpenAiStatus,
            r.OpenAiType,
            r.OpenAiCode,
            r.Severity.ToString().ToLowerInvariant(),
            r.Advises))]),
        AdminJson.Default.ReasonListView);

    private static FleetView FleetOf(FleetModel model, int keys)
    {
        int Count(Backing backing) => model.Deployments.Count(d => d.IsServed && d.Backing == backing);
        int real = Count(Backing.Real);
        int emulated = Count(Backing.Emulated);
        int cloud = Count(Backing.Cloud);
        int unserved = model.Deployments.Length - real - emulated - cloud;
        FleetConfig config = model.Config;
        string summary = $"{Of(config.Providers.Length, "provider")}, {Of(config.Sites.Length, "site")}, " +
            $"{Of(model.Deployments.Length, "deployment")}: {real} real, {emulated} emulated, {cloud} cloud" +
            (unserved == 0 ? "" : $", {unserved} not served");
        return new FleetView(
            summary,
            config.Providers.Length,
            config.Sites.Length,
            config.Pools.Length,
            model.Models.Length,
            config.Tenants.Length,
            keys,
            model.Deployments.Length,
            real,
            emulated,
            cloud,
            unserved);
    }

    private static string Of(int count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";

    private static IEnumerable<QueueView> QueuesOf(ServedModel model, ModelQueue queue, Instant now) =>
        from priority in Enum.GetValues<PriorityClass>()
        let tally = queue.TallyOf(priority)
        where tally with { OldestSinceNs = null } != default
        select new QueueView(
            model.Id,
            priority.Word(),
            tally.Waiting,
            (tally.OldestSinceNs is { } since ? Math.Max(0, now.MonotonicNs - since) : 0) / (double)Instant.NsPerSecond,
            tally.Granted,
            tally.Shed,
            tally.Displaced,
            tally.Expired);

    private static DeploymentView ViewOf(Deployment d, DeploymentState state, Instant now)
    {
        BreakerView breaker = state.Breaker.View(now.MonotonicNs);
        return new DeploymentView(
            d.Id,
            d.Config.Model,
            d.Provider.Id,
            d.Site.Id,
            d.Pool.Id,
            d.Backing.Word(),
            d.IsServed,
            d.Withdrawn is { } w ? $"{w.Kind.Word()} {w.Id}" : null,
            state.InFlight,
            d.Config.MaxConcurrency,
            state.Started,
            state.Completed,
            state.Failed,
            ReasonTable.LabelOf(state.LastFailure),
            state.IsOut(now.MonotonicNs) ? At(breaker.UntilNs, now) : null,
            HealthOf(d, state, breaker, now));
    }

    private static HealthView HealthOf(Deployment d, DeploymentState state, BreakerView breaker, Instant now)
    {
        int limit = state.Limit.Within(int.MaxValue);
        return new HealthView(
            HealthNames.Of(breaker.State),
            breaker.SinceNs == long.MinValue ? null : At(breaker.SinceNs, now),
            HealthNames.Of(breaker.Cause),
            state.Places(d.Config.MaxConcurrency, now.MonotonicNs),
            limit < d.Config.MaxConcurrency ? limit : null,
            state.Report is not { } r ? null : new EngineView(
                r.Running,
                r.Waiting,
                r.KvUsageShare,
                r.PrefixHitShare,
                r.PromptTokensPerSecond,
                r.GenerationTokensPerSecond,
                Math.Round((now.MonotonicNs - r.AtNs) / (double)Instant.NsPerSecond, 1)));
    }

    private static DateTimeOffset At(long monotonicNs, Instant now) =>
        now.Wall.AddMilliseconds(Math.Ceiling((monotonicNs - now.MonotonicNs) / (double)Instant.NsPerMs));
}
