using System.Collections.Immutable;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Simulation.Cells;
using Forebay.Simulation.Traces;

namespace Forebay.UnitTests.Simulation.Cells;

/// <summary>Small cells for tests: a fast and a slow deployment on two sites.</summary>
internal static class CellFixture
{
    public static FleetConfig Config(int places = 256, TierConfig? tier = null) => new()
    {
        Providers = [new() { Id = "north" }],
        Sites =
        [
            new() { Id = "near", Provider = "north", Country = "NO", Jurisdiction = "eu", Link = new() { LatencyMs = 2 } },
            new() { Id = "far", Provider = "north", Country = "US", Jurisdiction = "us", Link = new() { LatencyMs = 40 } },
        ],
        Pools =
        [
            new() { Id = "near-h100", Site = "near", Accelerators = new() { Type = "H100-SXM", Count = Figure.Of(8) } },
            new() { Id = "far-b200", Site = "far", Accelerators = new() { Type = "B200-SXM", Count = Figure.Of(8) } },
        ],
        Models =
        [
            new()
            {
                Id = "atlas",
                ContextTokens = 32_768,
                MaxOutputTokens = 8_000,
                ParametersBillion = Figure.Of(70),
            },
        ],
        Deployments =
        [
            Deployment("slow", "near-h100", places),
            Deployment("fast", "far-b200", places),
        ],
        Tiers = [tier ?? new() { Id = "open" }],
        Tenants = [new() { Id = "acme", Tier = tier?.Id ?? "open" }],
    };

    public static CellFleet Fleet(int places = 256, TierConfig? tier = null) => CellFleet.Build(Config(places, tier));

    /// <summary>A trace of conversations of one to four turns over a shared system prompt, drawn from a seed.</summary>
    public static CellTrace Trace(ulong seed, int requests, double requestsPerSecond)
    {
        var made = new List<TraceRequest>();
        var open = new List<ImmutableArray<int>>();
        double at = 0;
        int nextBlock = 1;
        for (int i = 0; i < requests; i++)
        {
            var draw = new SplitMix64(seed, (ulong)i);
            at += draw.NextDouble() * 2 / requestsPerSecond;
            ImmutableArray<int> before = open.Count > 0 && draw.NextDouble() < 0.6 ? open[draw.NextInt(open.Count)] : [0];
            ImmutableArray<int> blocks = [.. before, .. Enumerable.Range(nextBlock, 1 + draw.NextInt(6))];
            nextBlock += blocks.Length - before.Length;
            open.Add(blocks);
            made.Add(new TraceRequest(at, blocks.Length * 512 - draw.NextInt(512), 1 + draw.NextInt(200)) { Blocks = blocks });
        }

        return CellTrace.Of("drawn", made);
    }

    private static DeploymentConfig Deployment(string id, string pool, int places) => new()
    {
        Id = id,
        Model = "atlas",
        Pool = pool,
        AcceleratorsPerReplica = 2,
        MaxConcurrency = places,
    };
}
