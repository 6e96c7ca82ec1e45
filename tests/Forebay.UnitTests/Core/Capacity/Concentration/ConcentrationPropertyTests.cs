using System.Collections.Immutable;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Concentration;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Concentration;

/// <summary>What holds of shares, the index and room in any fleet: random ones, by seed.</summary>
public sealed class ConcentrationPropertyTests
{
    private const int Fleets = 300;
    private const double Slack = 1e-9;

    private static readonly ConcentrationMeasure[] Measures = Enum.GetValues<ConcentrationMeasure>();
    private static readonly DateTimeOffset From = new(2026, 11, 1, 0, 0, 0, TimeSpan.Zero);

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 5)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Providers_part_the_whole_groups_never_exceed_it_and_the_index_is_between_its_bounds(int seed)
    {
        foreach (Drawn drawn in Draw(seed))
        {
            ConcentrationReport report = drawn.Report();
            foreach (ConcentrationMeasure measure in Measures)
            {
                Assert.Equal(report.Total(measure), report.Providers.Sum(p => p.Of(measure).Amount), 12);
                Assert.All(report.Groups, g => Assert.InRange(g.Of(measure).Share, 0, 1));
                double[] shares = [.. report.Providers.Select(p => p.Of(measure).Share).Where(s => s > 0)];
                double? index = report.Herfindahl(measure);
                if (shares.Length == 0)
                {
                    Assert.Null(index);
                    continue;
                }

                Assert.Equal(1, shares.Sum(), 9);
                Assert.InRange(index!.Value, 1.0 / shares.Length - Slack, 1 + Slack);
                Assert.InRange(index.Value, Math.Pow(shares.Max(), 2) - Slack, shares.Max() + Slack);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void More_in_a_group_never_lowers_its_share_nor_raises_that_of_who_is_apart_from_it(int seed)
    {
        foreach (Drawn drawn in Draw(seed))
        {
            ConcentrationReport before = drawn.Report();
            string pool = drawn.Fleet.Pools[drawn.Random.Next(drawn.Fleet.Pools.Length)].Id;
            ConcentrationReport after = drawn.Report(new LeasedAccelerators("more", pool, drawn.Random.Next(1, 500)));
            string[] of = drawn.GroupsOf(pool);
            foreach (ConcentrationEntry group in before.Groups)
            {
                double was = group.Of(ConcentrationMeasure.Leased).Share;
                double now = after.Group(group.Id)!.Of(ConcentrationMeasure.Leased).Share;
                Assert.True(of.Contains(group.Id) ? now >= was - Slack : now <= was + Slack, $"{group.Id}: {was} to {now}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void What_fills_the_room_never_passes_the_cap_and_one_more_would(int seed)
    {
        foreach (Drawn drawn in Draw(seed))
        {
            ConcentrationReport report = drawn.Report();
            PoolConfig pool = drawn.Fleet.Pools[drawn.Random.Next(drawn.Fleet.Pools.Length)];
            ConcentrationGroupConfig[] groups =
                [.. drawn.Fleet.ConcentrationGroups.Where(g => drawn.GroupsOf(pool.Id).Contains(g.Id))];
            CapRoom room = ConcentrationCaps.RoomOfAll(groups, report);
            if (room is not { Accelerators: { } free, Bound: ConcentrationMeasure.Leased })
            {
                Assert.True(room.Accelerators is null or 0);
                continue;
            }

            Assert.Equal(PassedIn(groups, report), PassedIn(groups, drawn.Report(new LeasedAccelerators("x", pool.Id, free))));
            Assert.True(
                PassedIn(groups, drawn.Report(new LeasedAccelerators("x", pool.Id, free + 1))).Length > 0,
                $"room {free} is not all");
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void A_placement_that_says_its_whole_stays_within_the_cap_and_has_more_room_the_larger_it_is(int seed)
    {
        foreach (Drawn drawn in Draw(seed))
        {
            ConcentrationReport report = drawn.Report();
            decimal total = report.Total(ConcentrationMeasure.Leased);
            foreach (ConcentrationGroupConfig group in drawn.Fleet.ConcentrationGroups)
            {
                decimal after = total + drawn.Random.Next(1000);
                CapRoom room = ConcentrationCaps.Room(group, report, after);
                CapRoom wider = ConcentrationCaps.Room(group, report, after + drawn.Random.Next(1000));
                Assert.True(wider.Accelerators is null || wider.Accelerators >= room.Accelerators);
                if (room is { Accelerators: > 0, Bound: ConcentrationMeasure.Leased })
                {
                    decimal held = report.Group(group.Id)!.Of(ConcentrationMeasure.Leased).Amount;
                    Assert.True(held + room.Accelerators <= (decimal)group.Caps!.LeasedShare!.Max * after + 0.0001m);
                }
            }
        }
    }

    private static CapPassed[] PassedIn(ConcentrationGroupConfig[] groups, ConcentrationReport report)
    {
        // A share that fills its cap to the last digit is not above it.
        const double fills = 1e-9;
        return
        [
            .. ConcentrationCaps.Passed(groups, report)
                .Where(p => p is { Measure: ConcentrationMeasure.Leased, Action: CapAction.Constrain } && p.Share > p.Max + fills)
                .Select(p => p with { Share = 0 }),
        ];
    }

    private static IEnumerable<Drawn> Draw(int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < Fleets; i++)
        {
            yield return Drawn.Of(random);
        }
    }

    private sealed record Drawn(
        Random Random, FleetConfig Fleet, ImmutableArray<LeasedAccelerators> Leases, ImmutableArray<ServedTokens> Served)
    {
        public static Drawn Of(Random random)
        {
            string[] groups = [.. Enumerable.Range(0, random.Next(1, 4)).Select(i => $"g{i}")];
            string[] Some() => [.. groups.Where(_ => random.Next(2) == 0)];
            ConcentrationCapConfig? Cap() => random.Next(2) == 0 ? null : new ConcentrationCapConfig
            {
                Max = Math.Round(0.05 + 0.9 * random.NextDouble(), 3), Action = (CapAction)random.Next(2),
            };
            ProviderConfig[] providers =
            [
                .. Enumerable.Range(0, random.Next(1, 5)).Select(
                    i => new ProviderConfig { Id = $"p{i}", ConcentrationGroups = Some() }),
            ];
            SiteConfig[] sites =
            [
                .. Enumerable.Range(0, random.Next(1, 8)).Select(i => new SiteConfig
                {
                    Id = $"s{i}", Provider = providers[random.Next(providers.Length)].Id, Jurisdiction = "us",
                    ConcentrationGroups = Some(),
                }),
            ];
            PoolConfig[] pools =
            [
                .. Enumerable.Range(0, random.Next(1, 10)).Select(i => new PoolConfig
                {
                    Id = $"l{i}", Site = sites[random.Next(sites.Length)].Id, Commitment = random.Next(2) == 0 ? "c" : null,
                    Accelerators = new PoolAcceleratorsConfig { Type = "H100-SXM", Count = Figure.Of(random.Next(1, 900)) },
                }),
            ];
            var fleet = new FleetConfig
            {
                Providers = providers,
                Sites = sites,
                Pools = pools,
                ConcentrationGroups =
                [
                    .. groups.Select(g => new ConcentrationGroupConfig
                    {
                        Id = g,
                        Caps = new ConcentrationCapsConfig { LeasedShare = Cap(), ServedShare = Cap(), SpendShare = Cap() },
                    }),
                ],
                Commitments =
                [
                    new CommitmentConfig
                    {
                        Id = "c", Provider = providers[0].Id, Unit = CommitmentUnit.Accelerators, Quantity = Figure.Of(1000),
                        Price = new CommitmentPriceConfig { Usd = Figure.Of(random.Next(1_000_000)), Per = PricePer.Month },
                    },
                ],
            };
            return new Drawn(
                random,
                fleet,
                [.. pools.Where(_ => random.Next(3) > 0).Select(p => new LeasedAccelerators("d", p.Id, random.Next(900)))],
                [
                    .. providers.Where(_ => random.Next(3) > 0).Select(
                        p => new ServedTokens("gone", p.Id, random.Next(), random.Next())),
                ]);
        }

        public string[] GroupsOf(string pool)
        {
            SiteConfig site = Fleet.Sites.Single(s => s.Id == Fleet.Pools.Single(p => p.Id == pool).Site);
            return
            [
                .. site.ConcentrationGroups.Union(
                    Fleet.Providers.Single(p => p.Id == site.Provider).ConcentrationGroups),
            ];
        }

        public ConcentrationReport Report(params LeasedAccelerators[] more) =>
            ConcentrationShares.Of(Fleet, Leases.Concat(more), Served, From, From.AddDays(1));
    }
}
