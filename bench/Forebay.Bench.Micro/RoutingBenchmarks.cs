using System.Collections.Frozen;
using BenchmarkDotNet.Attributes;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;

namespace Forebay.Bench.Micro;

/// <summary>Step 7: a decision for a prompt of 32 blocks over an index of a million, hashing apart; deployments at one site in
/// eight, all alike, so that none can be left out early.</summary>
[MemoryDiagnoser]
public class RoutingBenchmarks
{
    private const int Blocks = 1_000_000;
    private const int PromptBlocks = 32;
    private readonly FleetState _state = new();
    private readonly RouteScratch _scratch = new();
    private readonly RoutingConfig _config = new();
    private readonly Instant _now = Instant.From(TimeProvider.System);
    private RouteTable _table = null!;
    private ulong[][] _prompts = [];
    private uint _number;

    [Params(64, 2000)]
    public int Deployments { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _state.Model = FleetModel.Build(Fleet(), FrozenDictionary<string, Uri>.Empty);
        _ = _state.Model.FindModel("atlas")!.Eligibility.Police(
            _state.Model.FindTenant("acme")!, new RoutingRequest(RequestNeeds.None, 500, 64), out EligibleSet eligible);
        _table = _state.TableOf(eligible);
        _prompts = [.. Enumerable.Range(0, Blocks / PromptBlocks).Select(Prompt)];
        for (int i = 0; i < _prompts.Length; i++)
        {
            // All prompts share four blocks, so those are held everywhere; each of the rest is held at one place.
            int number = _table.Facts[i % Deployments].Number;
            _state.Routing.Index(Blocks).Insert(_prompts[i], number, ref _state.Routing.Clocks[number]);
        }
    }

    /// <summary>Look the prompt up and choose.</summary>
    [Benchmark]
    public int Decide()
    {
        ulong[] prompt = _prompts[(_number * 7919) % (uint)_prompts.Length];
        Router.LookUp(_state.Routing, _config, prompt, _scratch.Overlaps);
        return Router.Choose(Query(), _table, _config, _scratch, _now);
    }

    /// <summary>Look it up alone: what waits for memory.</summary>
    [Benchmark]
    public bool LookUp()
    {
        ulong[] prompt = _prompts[(_number++ * 7919) % (uint)_prompts.Length];
        Router.LookUp(_state.Routing, _config, prompt, _scratch.Overlaps);
        return _scratch.Overlaps.IsEmpty;
    }

    /// <summary>Choose for a prompt that no cache holds anything of: all tie.</summary>
    [Benchmark]
    public int ChooseAmongAll()
    {
        _scratch.Overlaps.Clear();
        return Router.Choose(Query(), _table, _config, _scratch, _now);
    }

    /// <summary>The same, take the place, note where the prompt went, and leave.</summary>
    [Benchmark]
    public Deployment Route()
    {
        ulong[] prompt = _prompts[(_number * 7919) % (uint)_prompts.Length];
        Router.LookUp(_state.Routing, _config, prompt, _scratch.Overlaps);
        _ = Router.TryEnter(Query(), _table, _config, _scratch, _now, out Route route);
        Router.Remember(_state.Routing, _config, prompt, route);
        route.State.Leave();
        route.Load.Answered(route);
        route.Load.Left(route);
        return route.Deployment;
    }

    private RouteQuery Query() => new()
    {
        Dialect = Dialect.OpenAi, InputTokens = PromptBlocks * 16 + 5, OutputTokens = 200, Number = _number++, Stream = true,
    };

    private static ulong[] Prompt(int seed)
    {
        var hashes = new ulong[PromptBlocks];
        ulong hash = 1;
        for (int i = 0; i < PromptBlocks; i++)
        {
            hash = (hash ^ (hash >> 29)) * 0xBF58476D1CE4E5B9 + (ulong)i + (i < 4 ? 0 : (ulong)seed << 7);
            hashes[i] = hash | 1;
        }

        return hashes;
    }

    private FleetConfig Fleet() => new()
    {
        Providers = [new ProviderConfig { Id = "p" }],
        Sites =
        [
            .. Enumerable.Range(0, Deployments / 8).Select(
                i => new SiteConfig { Id = $"s{i}", Provider = "p", Country = "US", Jurisdiction = "us" }),
        ],
        Pools =
        [
            .. Enumerable.Range(0, Deployments / 8).Select(i => new PoolConfig
            {
                Id = $"pool{i}",
                Site = $"s{i}",
                Accelerators = new PoolAcceleratorsConfig { Type = "H100-SXM", Count = Figure.Of(64) },
            }),
        ],
        Models =
        [
            new ModelConfig
            {
                Id = "atlas", ContextTokens = 128_000, MaxOutputTokens = 16_000, ParametersBillion = Figure.Of(70),
            },
        ],
        Deployments =
        [
            .. Enumerable.Range(0, Deployments).Select(i => new DeploymentConfig
            {
                Id = $"d{i}",
                Model = "atlas",
                Pool = $"pool{i / 8}",
                AcceleratorsPerReplica = 4,
                Endpoint = new Uri("http://127.0.0.1:9000"),
                Dialects = [Dialect.OpenAi],
            }),
        ],
        Tiers = [new TierConfig { Id = "scale" }],
        Tenants = [new TenantConfig { Id = "acme", Tier = "scale" }],
    };
}
