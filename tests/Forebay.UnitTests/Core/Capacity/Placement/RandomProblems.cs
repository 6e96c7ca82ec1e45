using Forebay.Core.Capacity.Placement;

namespace Forebay.UnitTests.Core.Capacity.Placement;

/// <summary>Placement problems by seed: a few chips, groups, regions and residencies, so that everything conflicts.</summary>
internal static class RandomProblems
{
    public const long Start = 1_770_000_000_000 / 3_600_000 * 3_600_000;

    private static readonly string[] Chips = ["a", "b", "c"];
    private static readonly int[] Gangs = [1, 2, 3, 4, 8];
    private static readonly int[] Domains = [4, 8, 16, 72];

    public static PlacementProblem Of(int seed, int pools = 8, int versions = 4, int hours = 6, int accelerators = 32)
    {
        var random = new Random(seed);
        int sites = Math.Max(2, pools / 2);
        return new PlacementProblem
        {
            StartUnixMs = Start,
            Terms = new PlacementConfig { HorizonHours = hours, MinimumDwellMinutes = 0, ReserveShare = 0.1 },
            Sites = [.. Enumerable.Range(0, sites).Select(i => Site(random, i))],
            Pools = [.. Enumerable.Range(0, pools).Select(i => Pool(random, i, sites, hours, accelerators))],
            Versions = [.. Enumerable.Range(0, versions).Select(i => Version(random, i, sites))],
            Demands = [.. Enumerable.Range(0, versions * 2).Select(i => Demand(random, i, versions, sites, hours))],
            Rooms = random.Next(2) == 0 ? [] : [new GroupRoom("g0", random.Next(2 * accelerators))],
        };
    }

    public static PlacementSite Site(Random random, int i) => new()
    {
        Id = $"site-{i}",
        WeightBytesPerSecond = random.Next(3) == 0 ? 0 : 1e8 * (1 + random.Next(20)),
        RoundTripMs = [random.Next(200), random.Next(200)],
    };

    public static PlacementPool Pool(Random random, int i, int sites, int hours, int accelerators) => new()
    {
        Id = $"pool-{i}",
        Site = random.Next(sites),
        AcceleratorType = Chips[random.Next(Chips.Length)],
        UsableMemoryGb = 80,
        InterconnectDomain = Domains[random.Next(Domains.Length)],
        AvailableByHour = random.Next(4) == 0
            ? [.. Enumerable.Range(0, hours).Select(_ => random.Next(accelerators + 1))]
            : [random.Next(accelerators + 1)],
        Groups = [$"provider-{random.Next(3)}", $"g{random.Next(3)}"],
        UsdPerAcceleratorHour = random.Next(3) == 0 ? random.NextDouble() * 10 : 0,
    };

    private static PlacementVersion Version(Random random, int i, int sites) => new()
    {
        Model = $"model-{i}",
        Version = "1",
        WeightsBytes = 1e9 * (1 + random.Next(400)),
        Builds =
        [
            .. Chips.Where(_ => random.Next(3) > 0).DefaultIfEmpty("a").Select((chip, b) => new PlacementBuild
            {
                Id = $"build-{b}",
                AcceleratorType = chip,
                AcceleratorsPerReplica = Gangs[random.Next(Gangs.Length)],
                MemoryGb = random.Next(5) == 0 ? 1000 : 40,
                PrefillTokensPerSecond = 1000 * (1 + random.Next(20)),
                DecodeTokensPerSecond = 100 * (1 + random.Next(20)),
                StartSeconds = random.Next(600),
            }),
        ],
        MayRun = [.. Enumerable.Range(0, sites).Select(_ => random.Next(6) > 0)],
        MinimumReplicas = random.Next(3),
        MinimumGroups = 1 + random.Next(2),
        Weight = random.Next(3) == 0 ? 2 : 1,
        TimeToFirstTokenMs = 100 + random.Next(1000),
    };

    private static PlacementDemand Demand(Random random, int i, int versions, int sites, int hours)
    {
        double peak = random.NextDouble() * 20_000;
        return new PlacementDemand
        {
            Model = $"model-{random.Next(versions)}",
            Region = random.Next(3) - 1,
            Label = $"class-{i}",
            MayServe = [.. Enumerable.Range(0, sites).Select(_ => random.Next(3) > 0)],
            InputTokensPerSecond = [.. Enumerable.Range(0, hours).Select(_ => peak * random.NextDouble())],
            OutputTokensPerSecond = [.. Enumerable.Range(0, hours).Select(_ => peak / 10 * random.NextDouble())],
        };
    }
}
