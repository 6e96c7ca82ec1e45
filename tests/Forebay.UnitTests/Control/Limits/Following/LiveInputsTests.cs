using Forebay.Control.Limits.Following;
using Forebay.Core.Capacity;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Limits.Following;
using Forebay.TestKit.Fleets;
using Forebay.TestKit.Memory;
using Forebay.TestKit.Time;
using Xunit;

namespace Forebay.UnitTests.Control.Limits.Following;

public sealed class LiveInputsTests : IDisposable
{
    private readonly ManualTime _time = new();
    private readonly MemoryDemand _history = new();
    private readonly FleetState _fleet = new();
    private readonly LiveInputs _inputs;

    private TierMultipliers _multipliers = TierMultipliers.Promise;

    public LiveInputsTests()
    {
        _fleet.Model = Fleet(new PoolQuotaConfig { OutputTokensPerMinute = 900, RequestsPerMinute = 60 });
        _inputs = new LiveInputs(_fleet, _history, _ => _multipliers, _time);
    }

    public void Dispose() => _inputs.Dispose();

    private long Now => _time.GetUtcNow().ToUnixTimeSeconds() / 60;

    /// <summary>The small fleet with every pool on a quota, and its models in one class.</summary>
    private static FleetModel Fleet(PoolQuotaConfig quota)
    {
        FleetConfig config = SmallFleet.Config;
        return FleetModel.Build(
            config with
            {
                Pools = [.. config.Pools.Select(p => p with { Quota = quota, Accelerators = null })],
                Deployments = [.. config.Deployments.Select(d => d with { AcceleratorsPerReplica = 0 })],
                ModelClasses = [new ModelClassConfig { Id = "large", Models = [.. config.Models.Select(m => m.Id)] }],
                Tiers = [new TierConfig { Id = "standard", OutputTokensPerMinute = 100 }],
            },
            config.Deployments.ToDictionary(d => d.Id, _ => new Uri("http://localhost/")));
    }

    private string Model => _fleet.Model.Models[0].Id;

    private void Use(long minute, long output, string tenant = "acme") =>
        _history.Minutes.Add(new DemandMinute(minute, tenant, Model, 1, output * 2, output));

    private Task<FollowingInputs> ReadAsync() => _inputs.ReadAsync(CancellationToken.None);

    [Fact]
    public async Task Usage_is_summed_by_tier_and_class_and_read_on_from_where_it_was()
    {
        long start = Now - 90;
        for (int i = 0; i < 90; i++)
        {
            Use(start + i, 40);
        }

        FollowingInputs first = await ReadAsync();
        TierDemand demand = Assert.Single(first.Demand);
        Assert.Equal(("standard", "large", 100.0), (demand.Tier, demand.Class, demand.OutputPromise));
        Assert.Equal((40, 80, 0), (demand.Output.Peak, demand.Input.Peak, demand.LimitedShare));
        Assert.Equal(1.5, first.HistoryHours);

        // What a request that ended late adds to a minute that was read counts once.
        _history.Minutes[^1] = _history.Minutes[^1] with { Output = 70 };
        _time.Advance(TimeSpan.FromMinutes(1));
        FollowingInputs second = await ReadAsync();
        Assert.Equal(91 / 60.0, second.HistoryHours);
        int hour = HourOfWeek.Of((Now - 2) * 60_000);
        Assert.Equal(40, second.Demand[0].Output[hour]);
        Assert.Empty(second.Check());
    }

    [Fact]
    public async Task Before_a_whole_minute_is_on_record_what_was_used_since_the_start_counts_as_a_rate()
    {
        Use(Now, 30);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Empty((await ReadAsync()).Demand);

        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(120, Assert.Single((await ReadAsync()).Demand).Output.Peak);

        // The minute that is over counts with the one under way: it was not whole.
        _time.Advance(TimeSpan.FromSeconds(75));
        Use(Now, 150);
        Assert.Equal(120, Assert.Single((await ReadAsync()).Demand).Output.Peak);
    }

    [Fact]
    public async Task Tenants_at_their_multiplied_limit_count_as_held_down_by_it()
    {
        _multipliers = TierMultipliers.Of([TierMultiplier.Flat("standard", "large", 2)]);
        for (int i = 1; i <= 30; i++)
        {
            Use(Now - i, 190);
        }

        TierDemand demand = Assert.Single((await ReadAsync()).Demand);
        Assert.Equal((95, 1.0), (demand.Output.Peak, demand.LimitedShare));
    }

    [Fact]
    public async Task A_quota_is_shared_by_the_deployments_on_its_pool_and_falls_with_its_provider()
    {
        FollowingInputs inputs = await ReadAsync();
        Assert.Equal(
            _fleet.Model.Deployments.Select(d => d.Pool.Id).Distinct().Count() * 900.0,
            inputs.Capacity.Sum(c => c.Output.Peak), 6);
        Assert.All(inputs.Capacity, c =>
        {
            Deployment deployment = _fleet.Model.Deployments.Single(d => d.Id == c.Id);
            Assert.Contains(new CapacityGroup(deployment.Provider.Id, true), c.Groups);
            Assert.Equal("large", c.Class);
        });
        Assert.Empty(inputs.Demand);
    }

    [Fact]
    public async Task What_is_of_unknown_speed_and_has_no_quota_is_not_counted_on()
    {
        _fleet.Model = Fleet(new PoolQuotaConfig());
        Assert.All((await ReadAsync()).Capacity, c => Assert.Equal((0, 0), (c.Input.Peak, c.Output.Peak)));
    }

    [Fact]
    public async Task Engines_on_known_chips_count_as_far_as_they_meet_the_objective()
    {
        FleetConfig config = SmallFleet.Config with
        {
            Deployments = [.. SmallFleet.Config.Deployments.Select(d => d with { AcceleratorsPerReplica = 8 })],
        };
        FleetModel model = FleetModel.Build(
            config, config.Deployments.ToDictionary(d => d.Id, _ => new Uri("http://localhost/")));
        _fleet.Model = model;
        FollowingInputs usual = await ReadAsync();
        _fleet.Model = FleetModel.Build(
            config with
            {
                Server = new ServerConfig { LimitsFollow = new LimitsFollowConfig { OutputTokenMs = 0.01 } },
            },
            config.Deployments.ToDictionary(d => d.Id, _ => new Uri("http://localhost/")));
        FollowingInputs strict = await ReadAsync();
        string[] onChips = [.. model.Deployments.Where(d => d.Pool.Accelerators is not null).Select(d => d.Id)];
        Assert.NotEmpty(onChips);
        Assert.All(usual.Capacity.Where(c => onChips.Contains(c.Id)), c => Assert.True(c.Output.Peak > 0, c.Id));
        Assert.All(strict.Capacity.Where(c => onChips.Contains(c.Id)), c => Assert.Equal(0, c.Output.Peak));
    }
}
