using System.Collections.Immutable;
using Forebay.Control.Limits.Following;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Partners;
using Forebay.Core.Capacity.Placement;
using Forebay.Core.Config;
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

    private static readonly Figure Eight = Figure.Of(8);

    /// <summary>A chip pool with a commitment, and everything else without quota.</summary>
    private FollowingInputs OnChips(CommitmentConfig commitment, PoolPlacement placement = PoolPlacement.Manual)
    {
        FleetConfig config = SmallFleet.Config with
        {
            Pools =
            [
                SmallFleet.Config.Pools[0] with { Commitment = commitment.Id, Placement = placement },
                SmallFleet.Config.Pools[1],
            ],
            Commitments = [commitment],
            Deployments = [SmallFleet.Config.Deployments[0] with { AcceleratorsPerReplica = 4 }],
        };
        _fleet.Model = FleetModel.Build(config, new Dictionary<string, Uri>());
        long now = _time.GetUtcNow().ToUnixTimeMilliseconds();
        CapacityLedger ledger = CapacityLedger.Empty.Apply(SupplySync.Changes(CapacityLedger.Empty, config, []), now).Ledger;
        _inputs.Outlook = () => new CapacityOutlook(ledger, now);
        return _inputs.ReadAsync(CancellationToken.None).GetAwaiter().GetResult();
    }

    private DateOnly Day(int days) => DateOnly.FromDateTime(_time.GetUtcNow().UtcDateTime).AddDays(days);

    [Fact]
    public void A_ramp_to_come_counts_for_nothing_and_an_end_to_come_for_all_hours_after_it()
    {
        var whole = new CommitmentConfig { Id = "c", Provider = "north", Unit = CommitmentUnit.Accelerators, Quantity = Eight };
        CapacitySource steady = Assert.Single(OnChips(whole).Capacity);
        Assert.True(steady.Output.Mean > 0);
        Assert.Contains("the ledger has 8 accelerators", steady.Basis, StringComparison.Ordinal);

        CapacitySource ramps = Assert.Single(OnChips(whole with
        {
            Ramp =
            [
                new RampStepConfig { From = Day(-1), Quantity = Figure.Of(2) },
                new RampStepConfig { From = Day(1), Quantity = Eight },
            ],
        }).Capacity);
        Assert.Equal(steady.Output.Mean / 2, ramps.Output.Mean, 6);
        Assert.Equal(steady.Output.Mean / 2, ramps.Output.Peak, 6);

        CapacitySource ends = Assert.Single(OnChips(whole with { Ends = Day(1) }).Capacity);
        Assert.Equal((steady.Output.Peak, 0.0), (ends.Now!.Value.Output, ends.Lasting!.Value.Output));
        Assert.Equal(steady.Output.Peak, ends.Output[HourOfWeek.Of(_time.GetUtcNow().AddHours(1).ToUnixTimeMilliseconds())]);
        Assert.Contains(", 0 from ", ends.Basis, StringComparison.Ordinal);
        Assert.Empty(OnChips(whole with { Ends = Day(1) }).Check());
    }

    [Fact]
    public void What_is_free_where_placement_starts_replicas_counts_as_far_as_they_would_be_whole()
    {
        var whole = new CommitmentConfig { Id = "c", Provider = "north", Unit = CommitmentUnit.Accelerators, Quantity = Eight };
        CapacitySource stands = Assert.Single(OnChips(whole).Capacity);
        ImmutableArray<CapacitySource> both = OnChips(whole, PoolPlacement.Automatic).Capacity;
        Assert.Equal(["deep-real", "oslo-h100 (free)"], both.Select(s => s.Id));
        Assert.Equal(stands.Output.Mean, both[1].Output.Mean, 6);
        Assert.Equal(stands.Groups, both[1].Groups);

        // Three of eight are free for a replica of four: none.
        FollowingInputs fewer = OnChips(
            whole with { Ramp = [new RampStepConfig { From = Day(-1), Quantity = Figure.Of(7) }] }, PoolPlacement.Automatic);
        Assert.Equal((stands.Output.Mean, 0.0), (fewer.Capacity[0].Output.Mean, fewer.Capacity[1].Output.Mean));
    }

    /// <summary>More in the ledger, from any time on, never leaves any source with less in any hour.</summary>
    [Fact]
    public void With_more_in_the_ledger_no_source_has_less()
    {
        var random = new Random(7);
        for (int run = 0; run < 60; run++)
        {
            RampStepConfig[] ramp =
            [
                .. Enumerable.Range(-1, 4).Where(d => d < 0 || random.Next(2) == 0)
                    .Select(d => new RampStepConfig { From = Day(d * 2), Quantity = Figure.Of(random.Next(9)) }),
            ];
            var less = new CommitmentConfig
            {
                Id = "c", Provider = "north", Unit = CommitmentUnit.Accelerators, Quantity = Eight, Ramp = ramp,
            };
            CommitmentConfig more = less with
            {
                Ramp =
                [
                    .. ramp.Select(r => r with
                    {
                        Quantity = Figure.Of(r.Quantity.Low + random.Next(0, (int)(9 - r.Quantity.Low))),
                    }),
                ],
            };
            ImmutableArray<CapacitySource> a = OnChips(less, PoolPlacement.Automatic).Capacity;
            ImmutableArray<CapacitySource> b = OnChips(more, PoolPlacement.Automatic).Capacity;
            Assert.Equal(a.Select(s => s.Id), b.Select(s => s.Id));
            for (int i = 0; i < a.Length; i++)
            {
                for (int hour = 0; hour < HourOfWeek.Count; hour++)
                {
                    Assert.True(b[i].Output[hour] >= a[i].Output[hour] && b[i].Input[hour] >= a[i].Input[hour]);
                }
            }
        }
    }

    [Fact]
    public async Task A_quota_counts_as_the_ledger_has_it()
    {
        long now = _time.GetUtcNow().ToUnixTimeMilliseconds();
        CapacityLedger ledger = CapacityLedger.Empty.Apply(
            [
                .. SupplySync.Changes(CapacityLedger.Empty, _fleet.Model.Config, []).OfType<SetSupply>().Select(s =>
                    new SetSupply(s.Supply with
                    {
                        Events = [new SupplyEvent("r", SupplyEventKind.Reclaim, now, null, s.Supply.Contracted.At(now) / 3)],
                    })),
            ],
            now).Ledger;
        _inputs.Outlook = () => new CapacityOutlook(ledger, now);
        FollowingInputs inputs = await ReadAsync();
        Assert.Equal(
            _fleet.Model.Deployments.Select(d => d.Pool.Id).Distinct().Count() * 600.0,
            inputs.Capacity.Sum(c => c.Output.Peak), 6);
    }
}
