using System.Collections.Immutable;
using System.Diagnostics;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Execution;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.FunctionalTests.Executors;
using Forebay.FunctionalTests.Gateway;
using Forebay.FunctionalTests.Server;
using Xunit;

namespace Forebay.FunctionalTests.Replicas;

/// <summary>Replicas of a model as real engine processes behind a real gateway, their weights from a real server.
/// </summary>
public sealed class ReplicaLoopTests : IAsyncLifetime
{
    private static readonly string Dll = Path.Combine(AppContext.BaseDirectory, "forebay.dll");

    private readonly ReplicaRig _rig = new();
    private WeightsServer _weights = null!;
    private GatewayHarness _gateway = null!;

    public async ValueTask InitializeAsync()
    {
        _weights = await WeightsServer.StartAsync(300_000);
        _gateway = await GatewayHarness.StartAsync([new Uri("http://127.0.0.1:9")], WithoutDeployments);
        _rig.Publish = PublishAsync;
        _rig.InFlight = _gateway.State.InFlightAt;
        await _rig.OpenAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _rig.DisposeAsync();
        await _gateway.DisposeAsync();
        await _weights.DisposeAsync();
    }

    [Fact]
    public async Task Three_replicas_come_up_serve_come_back_when_killed_and_drain_without_a_failed_request()
    {
        _weights.CutAfterBytes = 100_000;
        _rig.Wanted = [Replica("r1"), Replica("r2"), Replica("r3")];
        _rig.Loop.Start();
        foreach (string id in (string[])["r1", "r2", "r3"])
        {
            await _rig.PhaseAsync(id, ReplicaPhase.Ready);
        }

        Assert.Equal(200, await AskAsync());
        Assert.Equal(3, _gateway.State.Model.Deployments.Length);

        // One is killed as kill -9 does: it comes back in another generation, and serves.
        Kill("r1");
        await _rig.PhaseAsync("r1", ReplicaPhase.Ready, generation: 2);
        await Eventually.TrueAsync(
            () => _gateway.State.Model.Deployments.Length == 3, () => "the new generation is not routed to");

        // One is no longer wanted while requests are in flight at all of them: not one fails.
        using var stop = new CancellationTokenSource();
        Task<List<int>>[] load = [.. Enumerable.Range(0, 6).Select(_ => LoadAsync(stop.Token))];
        await Eventually.TrueAsync(
            () => _rig.InFlight("r2") > 0, () => "nothing is in flight at r2");
        _rig.Wanted = [Replica("r1"), Replica("r3")];
        await _rig.PhaseAsync("r2", ReplicaPhase.Stopped);
        await stop.CancelAsync();

        int[] answers = [.. (await Task.WhenAll(load)).SelectMany(a => a)];
        Assert.NotEmpty(answers);
        Assert.All(answers, a => Assert.Equal(200, a));
        Assert.Equal(["r1", "r3"], _gateway.State.Model.Deployments.Select(d => d.Id).Order());
        Assert.Equal(WorkExitKind.Stopped, (await _rig.Executor.ObserveAsync("r2", default))!.Exit!.Kind);

        // Three replicas, one file: it came once, though the way was cut.
        Assert.InRange(_rig.Loop.Transfers().Single().Progress.SentBytes, 300_000, 300_010);
    }

    [Fact]
    public async Task What_runs_goes_on_when_this_process_is_another_one_and_a_changed_engine_replaces_it()
    {
        _rig.Wanted = [Replica("r1")];
        _rig.Loop.Start();
        await _rig.PhaseAsync("r1", ReplicaPhase.Ready);
        string? process = _rig.Loop.Find("r1").Work!.Where;

        await _rig.CloseAsync();
        _gateway.Reload(WithoutDeployments(GatewayHarness.Fleet([new Uri("http://127.0.0.1:9")])));
        await _rig.OpenAsync();
        _rig.Loop.Start();
        await Eventually.TrueAsync(() => _gateway.State.Model.Deployments.Length == 1, () => "it is not routed to again");
        Assert.Equal((process, 1L), (_rig.Loop.Find("r1").Work!.Where, _rig.Loop.Find("r1").State.Generation));
        Assert.Equal(200, await AskAsync());

        _rig.Wanted = [Replica("r1") with { Version = "2" }];
        await _rig.PhaseAsync("r1", ReplicaPhase.Ready, generation: 2);
        await Eventually.TrueAsync(
            () => _gateway.State.Model.Deployments is [{ Config.ModelVersion: "2" }], () => "the old version is in force");
        Assert.NotEqual(process, _rig.Loop.Find("r1").Work!.Where);
    }

    [Fact]
    public async Task An_engine_that_cannot_start_ends_as_failed_with_its_words_and_an_operator_starts_it_again()
    {
        _rig.Options = _rig.Options with { Policy = _rig.Options.Policy with { MaxFailures = 2 } };
        await _rig.CloseAsync();
        await _rig.OpenAsync();
        _rig.Wanted = [Replica("r1") with { Arguments = [Dll, "engine", "--port", "{port}", "--weights", "/nowhere"] }];
        _rig.Loop.Start();

        await _rig.PhaseAsync("r1", ReplicaPhase.Failed);
        ReplicaState failed = _rig.Loop.Find("r1").State;
        Assert.Contains("The weights /nowhere are not there", failed.Reason, StringComparison.Ordinal);
        Assert.Equal(2, failed.Failures);
        Assert.Contains(
            "The weights /nowhere are not there.", await _rig.Loop.ReadLogAsync("r1", null, 10, default));

        await _rig.Loop.RestartAsync("r1", default);
        await _rig.PhaseAsync("r1", ReplicaPhase.Failed, generation: 4);
    }

    [Fact]
    public async Task Weights_that_are_wrong_start_no_engine()
    {
        _rig.Options = _rig.Options with { Policy = _rig.Options.Policy with { MaxFailures = 1 } };
        await _rig.CloseAsync();
        await _rig.OpenAsync();
        (_weights.SpoiltOffset, _weights.SpoiltTimes) = (150_000, 1000);
        _rig.Wanted = [Replica("r1")];
        _rig.Loop.Start();

        await _rig.PhaseAsync("r1", ReplicaPhase.Failed);

        Assert.Contains("checksum", _rig.Loop.Find("r1").State.Reason, StringComparison.Ordinal);
        Assert.Empty(await _rig.Executor.ListAsync(default));
    }

    [Fact]
    public async Task An_operator_stops_a_replica_that_is_wanted_and_it_stays_stopped_over_a_restart()
    {
        _rig.Wanted = [Replica("r1")];
        _rig.Loop.Start();
        await _rig.PhaseAsync("r1", ReplicaPhase.Ready);

        await _rig.Loop.HoldAsync("r1", default);
        await _rig.PhaseAsync("r1", ReplicaPhase.Stopped);
        Assert.Empty(_gateway.State.Model.Deployments);
        await _rig.CloseAsync();
        await _rig.OpenAsync();
        await _rig.Loop.PassAsync(default);
        await _rig.Loop.PassAsync(default);
        Assert.Equal((ReplicaPhase.Stopped, true), (_rig.Loop.Find("r1").State.Phase, _rig.Loop.Find("r1").State.Held));

        await _rig.Loop.RestartAsync("r1", default);
        _rig.Loop.Start();
        await _rig.PhaseAsync("r1", ReplicaPhase.Ready, generation: 2);
    }

    private ReplicaWanted Replica(string id) => new()
    {
        Id = id,
        Model = GatewayHarness.Model,
        Version = "1",
        Pool = "pool0",
        Site = "s0",
        Program = "dotnet",
        Arguments =
        [
            Dll, "engine", "--port", "{port}", "--model", "upstream-model", "--weights", "{weights:model.bin}",
            "--time-scale", "4",
        ],
        Environment = ImmutableSortedDictionary<string, string>.Empty.Add("DOTNET_TieredPGO", "0"),
        Weights = [new ReplicaWeights("model.bin", _weights.Spec(50_000, site: "s0"))],
        Dialects = [Dialect.OpenAi, Dialect.Anthropic],
        UpstreamModel = "upstream-model",
        MaxConcurrency = 8,
        Backing = Backing.Real,
        Warmup = new WarmupObjective(Requests: 2, ObjectiveMs: 20_000),
    };

    private static FleetConfig WithoutDeployments(FleetConfig fleet) => fleet with { Deployments = [] };

    private Task PublishAsync(ImmutableArray<DeploymentConfig> ready, CancellationToken cancel)
    {
        FleetConfig fleet = GatewayHarness.Fleet([new Uri("http://127.0.0.1:9")]) with { Deployments = [.. ready] };
        Assert.Empty(_gateway.Reload(fleet));
        return Task.CompletedTask;
    }

    private async Task<int> AskAsync()
    {
        using HttpRequestMessage request = GatewayHarness.Chat(GatewayHarness.ChatBody(stream: false, ",\"max_tokens\":60"));
        using HttpResponseMessage answer = await _gateway.Client.SendAsync(request);
        string body = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode && !body.Contains("choices", StringComparison.Ordinal) ? 0 : (int)answer.StatusCode;
    }

    private async Task<List<int>> LoadAsync(CancellationToken stop)
    {
        var answers = new List<int>();
        while (!stop.IsCancellationRequested)
        {
            answers.Add(await AskAsync());
        }

        return answers;
    }

    /// <summary>Kills the engine itself, not its leader.</summary>
    private void Kill(string id)
    {
        int leader = int.Parse(_rig.Loop.Find(id).Work!.Where!["process ".Length..]);
        string children = File.ReadAllText($"/proc/{leader}/task/{leader}/children");
        using Process engine = Process.GetProcessById(int.Parse(children.Split(' ')[0]));
        engine.Kill();
    }
}
