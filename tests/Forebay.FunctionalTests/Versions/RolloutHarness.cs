using System.Net;
using Forebay.Control.Audit;
using Forebay.Control.Rollout;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Rollout;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Memory;
using Forebay.TestKit.Time;
using Microsoft.Extensions.Logging.Abstractions;

namespace Forebay.FunctionalTests.Versions;

/// <summary>A gateway over upstreams of two versions at one provider, and the service that rolls one out.</summary>
internal sealed class RolloutHarness : IAsyncDisposable
{
    private RolloutHarness(GatewayHarness gateway)
    {
        Gateway = gateway;
        Rollouts = NewService();
    }

    public GatewayHarness Gateway { get; }

    public RolloutService Rollouts { get; private set; }

    public MemoryRolloutStore Store { get; } = new();

    public MemoryAuditLog Audit { get; } = new();

    public ManualTime Time { get; } = new();

    public ModelRollout Last => Rollouts.Last(GatewayHarness.Model)!;

    public ServedModel Model => Gateway.State.Model.FindModel(GatewayHarness.Model)!;

    /// <summary>Starts it; the n-th upstream serves the n-th version.</summary>
    public static async Task<RolloutHarness> StartAsync(
        IReadOnlyList<Uri> upstreams, IReadOnlyList<string> versions, Func<FleetConfig, FleetConfig>? change = null)
    {
        GatewayHarness gateway = await GatewayHarness.StartAsync(upstreams, c =>
        {
            c = c with
            {
                Sites = [.. c.Sites.Select(s => s with { Provider = "p0" })],
                Deployments = [.. c.Deployments.Select((d, i) => d with { ModelVersion = versions[i] })],
            };
            return change?.Invoke(c) ?? c;
        });
        var harness = new RolloutHarness(gateway);
        await harness.Rollouts.LoadAsync(CancellationToken.None);
        return harness;
    }

    /// <summary>What a new process would do: another service over the same store.</summary>
    public async Task RestartAsync()
    {
        Rollouts.Dispose();
        Gateway.State.Splits = VersionSplits.None;
        Rollouts = NewService();
        await Rollouts.LoadAsync(CancellationToken.None);
    }

    public Task<ModelRollout> BeginAsync(params double[] steps) => Rollouts.StartAsync(
        Model, new RolloutAsked("b", null, steps, HoldSeconds: 10, MinRequests: 20), "test");

    /// <summary>Lets a second pass; what follows from it is done when this returns.</summary>
    public void Tick() => Time.Advance(TimeSpan.FromSeconds(1));

    public Task<string> AskAsync(int conversation, int turns = 1, string? name = null) =>
        AskAsync($"This is what conversation {conversation} began with.", turns, name);

    /// <summary>Sends a turn of a conversation; says which deployment answered.</summary>
    public async Task<string> AskAsync(string begun, int turns, string? name = null)
    {
        string history = string.Concat(Enumerable.Range(1, turns - 1).Select(t =>
            $$""",{"role":"assistant","content":"Answer {{t}}."},{"role":"user","content":"Turn {{t}}."}"""));
        using HttpRequestMessage request = GatewayHarness.Messages(
            $$"""{"model":"{{GatewayHarness.Model}}","max_tokens":64,"stream":{{(turns % 2 == 0 ? "true" : "false")}},"messages":[{"role":"user","content":"{{begun}}"}{{history}}]}""");
        if (name is not null)
        {
            request.Headers.Add("x-forebay-conversation", name);
        }

        using HttpResponseMessage response = await Gateway.Client.SendAsync(request);
        string body = await response.Content.ReadAsStringAsync();
        return response.StatusCode == HttpStatusCode.OK
            ? response.Headers.GetValues("x-forebay-deployment").Single()
            : $"{(int)response.StatusCode} {body}";
    }

    public async ValueTask DisposeAsync()
    {
        Rollouts.Dispose();
        await Gateway.DisposeAsync();
    }

    private RolloutService NewService() => new(
        Gateway.State,
        Store,
        new AuditedChange(Audit, Time, NullLogger<AuditedChange>.Instance),
        Time,
        NullLogger<RolloutService>.Instance);
}
