using System.Collections.Immutable;
using BenchmarkDotNet.Attributes;
using Forebay.Core.Capacity.Placement;
using Forebay.Core.Time;

namespace Forebay.Bench.Micro;

/// <summary>
/// Placement of 200 model versions over 2,000 pools at 250 sites: from nothing, at rest, and after one change. Some 34,000
/// replicas on 256,000 accelerators of six types; eight classes of demand a model, by region and residency; 24 hours.
/// </summary>
[WarmupCount(1), IterationCount(5)]
public class PlacementBenchmarks
{
    private const int Versions = 200;
    private const int Pools = 2000;
    private const int Sites = 250;
    private const long Start = 1_770_000_000_000 / 3_600_000 * 3_600_000;

    private static readonly string[] Chips = ["h100", "h200", "gb200", "trn2", "tpu", "mi300"];
    private static readonly int[] Gangs = [1, 2, 4, 8, 8, 16];

    private readonly Placer _warm = new();
    private readonly Placer _warmShort = new();
    private PlacementProblem _problem = null!;
    private PlacementProblem _scarce = null!;
    private PlacementState _state = null!;
    private PlacementState _scarceState = null!;
    private PlacementProblem[] _changed = [];
    private int _turn;

    [GlobalSetup(Targets = [nameof(FromNothing), nameof(FromNothingShortOfCapacity)])]
    public void SetupProblems()
    {
        _problem = Problem(load: 0.7);
        _scarce = Problem(load: 2.5);
    }

    [GlobalSetup(Target = nameof(AtRestShortOfCapacity))]
    public void SetupScarce()
    {
        _scarce = Problem(load: 2.5);
        _scarceState = Settle(_warmShort, _scarce);
    }

    [GlobalSetup(Targets = [nameof(AtRest), nameof(AfterOneChange)])]
    public void SetupStanding()
    {
        _problem = Problem(load: 0.7);
        _state = Settle(_warm, _problem);
        PlacementPool pool = _problem.Pools[7];
        _changed =
        [
            _problem with { Pools = _problem.Pools.SetItem(7, pool with { AvailableByHour = [0] }) },
            _problem,
            _problem with { Pools = _problem.Pools.Add(pool with { Id = "added" }) },
            _problem,
        ];
    }

    /// <summary>Nothing stands yet, and there is capacity for all.</summary>
    [Benchmark]
    public PlacementPlan FromNothing() => Placer.Step(_problem, PlacementState.Empty, At(0), 1);

    /// <summary>Nothing stands yet, and there is too little: every version competes to the end.</summary>
    [Benchmark]
    public PlacementPlan FromNothingShortOfCapacity() => Placer.Step(_scarce, PlacementState.Empty, At(0), 1);

    /// <summary>All stands, nothing changed.</summary>
    [Benchmark]
    public PlacementPlan AtRest() => _warm.Next(_problem, _state, At(45), 1);

    /// <summary>All stands; by turns a pool is lost, comes back, one is added, goes.</summary>
    [Benchmark]
    public PlacementPlan AfterOneChange() => _warm.Next(_changed[_turn++ % _changed.Length], _state, At(45), 1);

    /// <summary>All accelerators are taken and demand stays short: trades are looked for and not found.</summary>
    [Benchmark]
    public PlacementPlan AtRestShortOfCapacity() => _warmShort.Next(_scarce, _scarceState, At(45), 1);

    private static Instant At(int minutes) => new(0, Start + minutes * 60_000L);

    private static PlacementState Settle(Placer placer, PlacementProblem problem)
    {
        PlacementState state = PlacementState.Empty;
        for (int look = 0; ; look++)
        {
            PlacementPlan plan = placer.Next(problem, state, At(look == 0 ? 0 : 45), 1);
            int changes = plan.Starts.Count() + plan.Drains.Count();
            if (changes == 0 || look == 12)
            {
                Console.WriteLine($"// {state.Replicas.Length} replicas, {plan.ServedShare:P1} served, {look} looks");
                return state;
            }

            state = new PlacementState
            {
                Promises = plan.Promises,
                Replicas =
                [
                    .. plan.Decisions.Where(d => d.Action != PlacementAction.Drain).Select(d => new PlacementReplica
                    {
                        Id = d.ReplicaId, Model = d.Model, Version = d.Version, Build = d.Build, Pool = d.Pool,
                        Phase = ReplicaPhase.Ready, LeasedAccelerators = d.LeasedAccelerators, StartedUnixMs = Start,
                    }),
                ],
            };
        }
    }

    private static PlacementProblem Problem(double load)
    {
        var random = new Random(1);
        return new PlacementProblem
        {
            StartUnixMs = Start,
            Terms = new PlacementConfig { MaxStarts = 1_000_000 },
            Sites = [.. Enumerable.Range(0, Sites).Select(i => new PlacementSite
            {
                Id = $"site-{i}",
                WeightBytesPerSecond = 1e9 * (1 + random.Next(10)),
                RoundTripMs = [.. Enumerable.Range(0, 4).Select(_ => 5.0 + random.Next(200))],
            })],
            Pools = [.. Enumerable.Range(0, Pools).Select(i => new PlacementPool
            {
                Id = $"pool-{i}",
                Site = i % Sites,
                AcceleratorType = Chips[random.Next(Chips.Length)],
                InterconnectDomain = random.Next(3) == 0 ? 72 : 16,
                AvailableByHour = [64 + random.Next(129)],
                Groups = [$"provider-{i % Sites % 12}", $"grid-{i % Sites % 5}"],
                UsdPerAcceleratorHour = random.Next(4) == 0 ? 1 + random.NextDouble() * 4 : 0,
            })],
            Versions = [.. Enumerable.Range(0, Versions).Select(i => Version(random, i))],
            Demands = [.. Enumerable.Range(0, Versions).SelectMany(i => Demands(random, i, load))],
        };
    }

    private static PlacementVersion Version(Random random, int i)
    {
        int first = random.Next(Chips.Length);
        int gang = Gangs[random.Next(Gangs.Length)];
        return new PlacementVersion
        {
            Model = $"model-{i}",
            Version = "1",
            WeightsBytes = gang * 40e9,
            Builds = [.. Enumerable.Range(0, 3).Select(b => new PlacementBuild
            {
                Id = $"build-{b}",
                AcceleratorType = Chips[(first + b) % Chips.Length],
                AcceleratorsPerReplica = gang,
                PrefillTokensPerSecond = gang * (2000 + random.Next(2000)),
                DecodeTokensPerSecond = gang * (200 + random.Next(200)),
                StartSeconds = 120 + random.Next(300),
            })],
            MayRun = [.. Enumerable.Repeat(true, Sites)],
            MinimumReplicas = 2,
            MinimumGroups = 2,
        };
    }

    /// <summary>Two residencies in each of four regions; together they keep a share of all accelerators busy.</summary>
    private static IEnumerable<PlacementDemand> Demands(Random random, int i, double load)
    {
        const double Accelerators = Pools * 128.0;
        double perClass = load * Accelerators / Versions / 8 * 300 * 0.6;
        for (int c = 0; c < 8; c++)
        {
            int region = c / 2;
            double[] output =
                [.. Enumerable.Range(0, 24).Select(h => perClass * (0.6 + 0.4 * Math.Sin((h + 6 * region) * Math.PI / 12)))];
            yield return new PlacementDemand
            {
                Model = $"model-{i}",
                Region = region,
                Label = $"region {region}, residency {c % 2}",
                MayServe = [.. Enumerable.Range(0, Sites).Select(s => c % 2 == 0 || s % 4 == region)],
                InputTokensPerSecond = [.. output.Select(o => o * 4 * (0.8 + 0.4 * random.NextDouble()))],
                OutputTokensPerSecond = ImmutableArray.Create(output),
            };
        }
    }
}
