using Forebay.Control.Admin.Contract;
using Forebay.Control.Capacity;
using Forebay.Core.Capacity.Ledger;
using Forebay.FunctionalTests.Server;
using Forebay.Serve;
using Forebay.Storage;
using Forebay.Storage.Data;
using Forebay.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.FunctionalTests.Placement;

/// <summary>Engines and weights that are no good, and a process that died between a lease and its engine.</summary>
public sealed class PlacementFaultTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private PlacedServer _server = null!;

    public ValueTask InitializeAsync()
    {
        _server = new PlacedServer(_folder);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Where_engines_fail_nothing_more_is_started_and_capacity_elsewhere_takes_its_place()
    {
        string self = string.Join(' ', [SelfCommand.Line.FileName, .. SelfCommand.Line.Arguments]);
        var fleet = new JourneyFleet(_folder)
        {
            MinimumReplicas = 2,
            Engine = $"{{start_seconds: 1, command: \"sh -c 'case {{replica}} in *alpha*) echo no such chip; exit 3;; "
                + $"esac; exec {self} engine --model atlas --port {{port}}'\"}}",
        };
        await _server.StartAsync(fleet.Write());
        await _server.ReadyAsync("beta-pool", 1);
        await Eventually.TrueAsync(
            async () => (await _server.OnAsync("alpha-pool")).Any(
                r => r.Failures > 0 && r.Reason?.Contains("code 3", StringComparison.Ordinal) == true),
            () => _server.Process.Errors);
        await Eventually.TrueAsync(
            async () => (await Server.Cli.OkAsync(_server.Data, "place")).Contains("failing 1", StringComparison.Ordinal),
            () => _server.Process.Errors);

        fleet = fleet with
        {
            MorePools = "  - {id: gamma-pool, site: beta-eu, placement: automatic, accelerators: {type: H100-SXM, count: 8}}",
        };
        fleet.Write();
        await Server.Cli.OkAsync(_server.Data, "reload");

        await _server.ReadyAsync("gamma-pool", 1);
        Assert.Single(await _server.OnAsync("alpha-pool"));
        await _server.StopAsync();
        Assert.Empty(_server.Overdrawn);
    }

    [Fact]
    public async Task An_engine_that_runs_and_never_becomes_healthy_is_given_its_time_and_then_replaced_by_one_that_does()
    {
        var fleet = new JourneyFleet(_folder)
        {
            MinimumReplicas = 1,
            Engine = "{start_seconds: 1, start_timeout_seconds: 1, command: \"sh -c 'echo not on {port}; exec sleep 600'\"}",
        };
        await _server.StartAsync(fleet.Write());
        await Eventually.TrueAsync(
            async () => (await _server.OnAsync("beta-pool")).Any(r => r.Failures > 0 && r.Reason?.StartsWith(
                "Its engine was not healthy within 1 s; /health said: ", StringComparison.Ordinal) == true),
            () => _server.Errors);
        Assert.All(await _server.OnAsync("beta-pool"), r => Assert.False(r.Routed));

        (fleet with { Engine = null }).Write();
        await Server.Cli.OkAsync(_server.Data, "reload");

        await _server.ReadyAsync("beta-pool", 1);
        await _server.StopAsync();
        Assert.Empty(_server.Overdrawn);
    }

    [Fact]
    public async Task Weights_with_a_wrong_checksum_start_nothing_and_are_fetched_anew_once_the_file_has_the_right_one()
    {
        var fleet = new JourneyFleet(_folder) { MinimumReplicas = 1 };
        string right = fleet.Sha256;
        await _server.StartAsync((fleet with { Sha256 = new string('0', 64) }).Write());
        await Eventually.TrueAsync(
            async () => (await _server.OnAsync("beta-pool")).Any(r => r.Failures > 0
                && r.Reason?.StartsWith("Its weights could not be fetched.", StringComparison.Ordinal) == true),
            () => _server.Process.Errors);
        Assert.All(await _server.OnAsync("beta-pool"), r => Assert.Null(r.Endpoint));

        (fleet with { Sha256 = right }).Write();
        await Server.Cli.OkAsync(_server.Data, "reload");

        await _server.ReadyAsync("beta-pool", 1);
        await _server.StopAsync();
        Assert.Empty(_server.Overdrawn);
    }

    [Fact]
    public async Task A_lease_whose_engine_was_never_started_is_given_back()
    {
        string file = new JourneyFleet(_folder) { MinimumReplicas = 2 }.Write();
        await _server.StartAsync(file);
        await _server.ReadyAsync("alpha-pool", 1);
        await _server.ReadyAsync("beta-pool", 1);
        ReplicaView replica = Assert.Single(await _server.OnAsync("alpha-pool"));
        await _server.KillAsync();
        await SwapHolderAsync("alpha-pool");

        await _server.StartAsync(file);

        // The engine that ran on goes on, with a lease of its own again; the one that never was holds nothing.
        await Eventually.TrueAsync(
            async () => (await LeasesAsync()).SequenceEqual([replica.Id]), () => _server.Process.Errors);
        await _server.ReadyAsync("alpha-pool", 1);
        ReplicaView after = Assert.Single(await _server.OnAsync("alpha-pool"));
        Assert.Equal((replica.Id, replica.Generation), (after.Id, after.Generation));
        await _server.StopAsync();
        Assert.Empty(_server.Overdrawn);
    }

    [Fact]
    public async Task Of_two_operators_at_once_one_drains_and_the_other_is_told()
    {
        await _server.StartAsync(new JourneyFleet(_folder) { MinimumReplicas = 2 }.Write());
        await _server.ReadyAsync("alpha-pool", 1);

        Ended[] both = await Task.WhenAll(
            Server.Cli.RunAsync(_server.Data, "drain", "alpha-pool"), Server.Cli.RunAsync(_server.Data, "drain", "alpha-pool"));

        Assert.Equal([0, 1], both.Select(b => b.Code).Order());
        Assert.Contains(both, b => b.Errors.Contains("w-1 withdraws the pool alpha-pool already", StringComparison.Ordinal));
        await _server.ReadyAsync("alpha-pool", 0);
        await _server.StopAsync();
        Assert.Empty(_server.Overdrawn);
    }

    [Fact]
    public async Task A_cap_that_constrains_keeps_placement_out_and_moves_no_data_where_it_may_not_be()
    {
        var fleet = new JourneyFleet(_folder)
        {
            MinimumReplicas = 2, AlphaGroup = ", caps: {leased_share: {max: 0.4, action: constrain}}",
        };
        await _server.StartAsync(fleet.Write());
        await _server.ReadyAsync("beta-pool", 1);

        PlacementStateView placed = await Server.Cli.JsonAsync(_server.Data, AdminJson.Default.PlacementStateView, "place");
        Assert.Equal("concentration", Assert.Single(placed.UnmetMinimums).Binding);
        Assert.Empty(await _server.OnAsync("alpha-pool"));
        Answer europe = await AskAsync("europe");
        Answer states = await AskAsync("states");
        Assert.Equal(200, europe.Status);
        Assert.NotEqual(200, states.Status);
        Assert.Contains("residency", states.Headers["x-forebay-reason"], StringComparison.Ordinal);

        (fleet with { AlphaGroup = "" }).Write();
        await Server.Cli.OkAsync(_server.Data, "reload");

        await _server.ReadyAsync("alpha-pool", 1);
        Assert.Equal(200, (await AskAsync("states")).Status);
        await _server.StopAsync();
        Assert.Empty(_server.Overdrawn);
    }

    private async Task<Answer> AskAsync(string tenant) => await _server.Process.Api.AskAsync(
        Calls.Chat(JourneyFleet.Model, key: await Server.Cli.NewKeyAsync(_server.Data, tenant)));

    /// <summary>Leaves the ledger as a process would that died after a lease: it holds for an engine that nobody has.
    /// </summary>
    private async Task SwapHolderAsync(string pool)
    {
        using DataDirectory directory = DataDirectory.Open(_server.Data);
        await using LocalStore store = await LocalStore.OpenAsync(directory, TimeProvider.System, NullLogger.Instance);
        using var capacity = new CapacityService(store.Capacity, TimeProvider.System);
        await capacity.LoadAsync(default);
        var lane = new CapacityLane(pool, CapacityUnit.Accelerators);
        long now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        LedgerResult swapped = await capacity.ApplyAsync(
            ledger =>
            [
                .. ledger.LeasesOf(lane).Where(l => l.EndUnixMs > now)
                    .Select(l => new ResizeLease(l.Id, l.Generation, 0, now)),
                new GrantLease(new LeaseRequest(
                    "replica/never", LeaseHolder.Deployment, "never", lane, 8, now, Granule: 8)),
            ],
            "test",
            "a lease without an engine",
            default);
        Assert.Null(swapped.Refusal);
    }

    private async Task<IEnumerable<string>> LeasesAsync() =>
        (await Server.Cli.JsonAsync(_server.Data, AdminJson.Default.LeaseListView, "capacity", "leases", "--pool", "alpha-pool"))
            .Leases.Where(l => l.Holds > 0).Select(l => l.Holder);
}
