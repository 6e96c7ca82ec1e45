using System.Collections.Frozen;
using BenchmarkDotNet.Attributes;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Fleet.Managed;
using Forebay.Core.Serving;

namespace Forebay.Bench.Micro;

/// <summary>What it costs that one replica comes or goes in a fleet of <see cref="Deployments"/> managed ones.
/// </summary>
[MemoryDiagnoser]
public class CompositionBenchmarks
{
    private static readonly FrozenSet<string> Known = AcceleratorCatalogue.BuiltIn.Names.ToFrozenSet();
    private FleetConfig _file = new();
    private ManagedObjects _managed = ManagedObjects.None;

    [Params(100, 2_000)]
    public int Deployments { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _file = new FleetConfig
        {
            Providers = [new() { Id = "p" }],
            Sites = [new() { Id = "s", Provider = "p", Country = "US", Jurisdiction = "us" }],
            Pools =
            [
                new() { Id = "pool", Site = "s", Accelerators = new() { Type = "H100-SXM", Count = Figure.Of(100_000) } },
            ],
            Models = [new() { Id = "m", ContextTokens = 1000, MaxOutputTokens = 100, ParametersBillion = Figure.Of(8) }],
        };
        _managed = ManagedObjects.None.With("replicas", new ManagedPart
        {
            Deployments = [.. Enumerable.Range(0, Deployments).Select(Deployment)],
        });
    }

    [Benchmark]
    public FleetModel OneReplicaComes()
    {
        ManagedObjects next = _managed.With("replicas", _managed.Of("replicas").With(Deployment(Deployments)));
        var whole = FleetComposition.Compose(_file, next, Known);
        return whole.Problems.Count == 0
            ? FleetModel.Build(whole.Config, FrozenDictionary<string, Uri>.Empty)
            : throw new InvalidOperationException(whole.Problems[0].Message);
    }

    private static DeploymentConfig Deployment(int i) => new()
    {
        Id = $"d{i}",
        Model = "m",
        Pool = "pool",
        AcceleratorsPerReplica = 1,
        Endpoint = new Uri($"http://127.0.0.1:{10_000 + i}"),
    };
}
