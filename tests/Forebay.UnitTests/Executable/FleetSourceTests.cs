using Forebay.Control.Audit;
using Forebay.Control.Capacity;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Gateway.Upstreams;
using Forebay.Serve;
using Forebay.TestKit.Fleets;
using Forebay.TestKit.Memory;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.UnitTests.Executable;

public sealed class FleetSourceTests : IDisposable
{
    private readonly FleetState _state = new();
    private readonly UpstreamSet _upstreams = new(r => r);
    private readonly MemoryAuditLog _audit = new();
    private readonly AuditedChange _change;
    private readonly FleetSource _source;

    public FleetSourceTests()
    {
        _change = new AuditedChange(_audit, TimeProvider.System, NullLogger<AuditedChange>.Instance);
        _source = new FleetSource(_state, _upstreams, null, []);
    }

    public void Dispose()
    {
        _source.Dispose();
        _upstreams.Dispose();
    }

    [Fact]
    public async Task A_reload_leaves_what_the_api_manages_and_a_managed_change_leaves_the_file()
    {
        await ReloadAsync(SmallFleet.Wide);
        await PutAsync("replicas", "r1");

        await ReloadAsync(SmallFleet.Wide with { Deployments = [SmallFleet.Wide.Deployments[0]] });

        Assert.Equal(["deep-real", "r1"], _state.Model.Deployments.Select(d => d.Id));
        Assert.Equal(["fleet.apply", "fleet.manage", "fleet.apply"], _audit.Entries.Select(e => e.Action));
    }

    [Fact]
    public async Task A_file_that_takes_an_id_of_the_api_is_refused_and_all_stays()
    {
        await ReloadAsync(SmallFleet.Wide);
        await PutAsync("replicas", "r1");
        FleetModel before = _state.Model;

        IReadOnlyList<ConfigProblem> problems = await ApplyAsync(SmallFleet.Wide with
        {
            Deployments = [.. SmallFleet.Wide.Deployments, Deployment("r1")],
        });

        Assert.Equal("deployments[4].id", Assert.Single(problems).Path);
        Assert.Same(before, _state.Model);
        Assert.Equal("fleet.apply.failed", _audit.Entries[^1].Action);
    }

    /// <summary>Replicas took the room: the reload is refused whole, and neither the fleet nor a lease changed.</summary>
    [Fact]
    public async Task A_file_that_deploys_what_replicas_hold_is_refused_and_changes_no_lease()
    {
        using var capacity = new CapacityService(new MemoryCapacity(), TimeProvider.System) { Deployed = () => _source.Deployed };
        _source.Room = (whole, deployed, put, actor, cancel) =>
            capacity.PutInForceAsync(whole, deployed, [], put, actor, cancel);
        FleetConfig file = SmallFleet.Config with { Deployments = [SmallFleet.Config.Deployments[0]] };
        await ReloadAsync(file);
        var lane = new CapacityLane("oslo-h100", CapacityUnit.Accelerators);
        long now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        Assert.Equal(1, capacity.Ledger.Leased(lane, now));

        LedgerResult held = await capacity.ApplyAsync(
            _ => [new GrantLease(new LeaseRequest("replica/r", LeaseHolder.Deployment, "r", lane, 7, now))],
            "placement",
            "",
            default);
        Assert.Null(held.Refusal);
        FleetModel before = _state.Model;
        long version = capacity.Ledger.Version;
        ConfigProblem problem = Assert.Single(await ApplyAsync(SmallFleet.Config));
        Assert.Contains("held by r", problem.Message, StringComparison.Ordinal);
        Assert.Same(before, _state.Model);
        Assert.Equal((version, 8L), (capacity.Ledger.Version, capacity.Ledger.Leased(lane, now)));

        // What is there may be written otherwise all the same, and taken out.
        await ReloadAsync(file with { Deployments = [file.Deployments[0] with { MaxConcurrency = 3 }] });
        await ReloadAsync(file with { Deployments = [] });
        Assert.Equal(7, capacity.Ledger.Leased(lane, TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() + 1));
    }

    [Fact]
    public async Task What_changes_nothing_is_neither_audited_nor_swapped()
    {
        await ReloadAsync(SmallFleet.Wide);
        FleetModel before = _state.Model;

        Assert.Empty(await _source.ApplyManagedAsync("replicas", p => p, "loop", _change, default));

        Assert.Same(before, _state.Model);
        Assert.Single(_audit.Entries);
    }

    [Fact]
    public async Task No_change_is_lost_however_reloads_and_owners_race()
    {
        await ReloadAsync(SmallFleet.Wide);
        const int rounds = 40;
        Task[] owners =
        [
            .. Enumerable.Range(0, 4).Select(o => Task.Run(async () =>
            {
                for (int i = 0; i < rounds; i++)
                {
                    string id = $"o{o}-{i}";
                    await PutAsync($"owner{o % 2}", id);
                    if (i % 3 == 0)
                    {
                        Assert.Empty(await _source.ApplyManagedAsync(
                            $"owner{o % 2}", p => p.WithoutDeployment(id), "loop", _change, default));
                    }
                }
            })),
            Task.Run(async () =>
            {
                for (int i = 0; i < rounds; i++)
                {
                    await ReloadAsync(SmallFleet.Wide with { Deployments = [Deployment($"file-{i}")] });
                }
            }),
        ];

        await Task.WhenAll(owners);

        string[] expected =
        [
            $"file-{rounds - 1}",
            .. Enumerable.Range(0, 4).SelectMany(o => Enumerable.Range(0, rounds).Where(i => i % 3 != 0)
                .Select(i => $"o{o}-{i}")),
        ];
        Assert.Equal(expected.Order(), _state.Model.Deployments.Select(d => d.Id).Order());
    }

    private async Task ReloadAsync(FleetConfig config) => Assert.Empty(await ApplyAsync(config));

    private Task<IReadOnlyList<ConfigProblem>> ApplyAsync(FleetConfig config) =>
        _source.ApplyAsync(config, _change, new FleetOrigin("file", "f.yaml", "0000"), default);

    private async Task PutAsync(string owner, string id) => Assert.Empty(
        await _source.ApplyManagedAsync(owner, p => p.With(Deployment(id)), "loop", _change, default));

    private static DeploymentConfig Deployment(string id) => new()
        {
            Id = id,
            Model = "deep",
            Pool = "oslo-h100",
            AcceleratorsPerReplica = 1,
            Endpoint = new Uri("http://127.0.0.1:9"),
        };
}
