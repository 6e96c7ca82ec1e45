using System.Collections.Immutable;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Execution;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Replicas;

/// <summary>
/// A world for one replica in which anything may go wrong: engines that end, never become healthy or never warm up,
/// weights that fail, an executor that does not answer, a router that cannot be told, and a process that is killed between
/// a step, its being stored, and what comes of it. It watches what must never happen.
/// </summary>
internal sealed class ReplicaRoom(int seed)
{
    private readonly Random _random = new(seed);
    private readonly HashSet<long> _warmed = [];
    private readonly HashSet<long> _drained = [];
    private readonly ReplicaPolicy _policy = new(
        StartMs: 5_000, WarmMs: 5_000, DrainMs: 3_000, StopGraceMs: 1_000, UnhealthyMs: 3_000, FirstWaitMs: 200,
        MaxWaitMs: 5_000, MaxFailures: 4, StableMs: 20_000, RetainMs: 10_000);

    private ReplicaState? _memory;
    private long _last;
    private bool _alive;
    private bool _sick;
    private bool _routed;
    private int _inFlight;
    private WeightsStanding _weights;
    private EngineHealth _health;
    private WarmupResult _warmup;
    private StartRefusal _refusal;
    private long _watched;

    /// <summary>Chance, of 100, that a thing goes wrong when it can.</summary>
    public int Trouble { get; set; } = 20;

    public ReplicaWanted? Wanted { get; set; } = ReplicaWanteds.Of();

    /// <summary>What is on disk.</summary>
    public ReplicaState? Stored { get; private set; }

    public long Now { get; private set; } = 1_000_000;

    public bool IsAlive => _alive;

    public bool IsRouted => _routed;

    public void Restart() => Change(s => s with { Held = false, RestartGeneration = s.Generation });

    public void Hold() => Change(s => s with { Held = true });

    /// <summary>Time passes, the world moves, the loop makes a pass; it may be killed anywhere.</summary>
    public void Pass()
    {
        Now += _random.Next(50, 800);
        Move();
        _memory ??= Stored ?? (Wanted is null ? null : ReplicaState.Plan(Wanted, Now));
        if (_memory is null)
        {
            return;
        }

        ReplicaStep step = ReplicaMachine.Step(_memory, Wanted, Look(), Now, _random.NextDouble(), _policy);
        if (Bad(3))
        {
            Kill();
            return;
        }

        ReplicaState? before = Stored;
        Assert.True(step.Next is null || before is null || step.Next.Generation >= before.Generation);
        if (before?.Phase == ReplicaPhase.Ready && step.Next is { Phase: not ReplicaPhase.Ready } left)
        {
            _drained.Add(before.Generation);
            Assert.NotEqual(ReplicaPhase.Ready, left.Phase);
        }

        bool moved = before?.Phase != step.Next?.Phase || before is null;
        Stored = _memory = step.Next;
        if (step.Next is null)
        {
            // Forgotten whole: one that comes under its id is another.
            _drained.Clear();
            _warmed.Clear();
            (_health, _warmup, _refusal) = (default, default, default);
        }

        if (Bad(3))
        {
            Kill();
            return;
        }

        Publish(step.Next);
        if (!moved && step.Next is not null)
        {
            Act(step.Actions, step.Next);
        }
    }

    private void Publish(ReplicaState? state)
    {
        bool wants = state is { Phase: ReplicaPhase.Ready } && _alive && _last == state.Generation;
        if (wants == _routed)
        {
            return;
        }

        if (wants)
        {
            Assert.Contains(state!.Generation, _warmed);
            Assert.DoesNotContain(state.Generation, _drained);
        }

        // Being put in force may fail; being taken out too, and then the router may still send requests.
        _routed = Bad(Trouble) ? _routed : wants;
    }

    private void Act(ReplicaActions actions, ReplicaState state)
    {
        if (actions.HasFlag(ReplicaActions.Fetch))
        {
            _weights = Bad(Trouble) ? WeightsStanding.Failed : _random.Next(3) == 0 ? WeightsStanding.Ready : _weights;
        }

        if (actions.HasFlag(ReplicaActions.Start) && !Bad(Trouble))
        {
            Start(state.Generation);
        }

        if (actions.HasFlag(ReplicaActions.Stop) && !Bad(Trouble))
        {
            Assert.False(_routed, "An engine was stopped while requests could reach it.");
            _alive &= _random.Next(3) != 0;
        }

        if (actions.HasFlag(ReplicaActions.Forget) && !_alive)
        {
            _last = 0;
        }

        if (actions.HasFlag(ReplicaActions.Probe) && _alive)
        {
            bool good = !_sick && !Bad(Trouble);
            _health = new EngineHealth(_last, good, good ? Now : _health.Generation == _last ? _health.GoodUnixMs : 0, "no");
        }

        if (actions.HasFlag(ReplicaActions.Warm) && _alive && !_sick)
        {
            bool passed = !Bad(Trouble);
            _warmup = new WarmupResult(_last, passed, "slow");
            if (passed)
            {
                _warmed.Add(_last);
            }
        }
    }

    private void Start(long generation)
    {
        if (generation < _last || (generation == _last && !_alive))
        {
            // A generation runs once.
            return;
        }

        Assert.False(_alive && generation != _last, "Two generations of one replica would be alive.");
        if (generation == _last)
        {
            return;
        }

        (_last, _alive, _sick) = (generation, true, Bad(Trouble));
        if (Bad(Trouble / 2))
        {
            _alive = false;
            _refusal = new StartRefusal(generation, "refused");
        }
    }

    /// <summary>What happens by itself.</summary>
    private void Move()
    {
        _alive &= !Bad(Trouble / 4);
        _inFlight = _routed && _alive ? _random.Next(4) : Math.Max(0, _inFlight - _random.Next(2));
        if (_weights == WeightsStanding.Failed)
        {
            // The next generation's attempt tries again.
            _weights = _memory?.Phase == ReplicaPhase.Fetching ? _weights : WeightsStanding.Missing;
        }
    }

    private ReplicaWorld Look() => new()
    {
        Weights = _weights,
        WeightsReason = "no weights",
        IsWorkKnown = !Bad(Trouble / 4),
        Work = _last == 0 ? null : new WorkObservation(
            "r1", _last, _alive ? WorkState.Running : WorkState.Exited, null,
            ImmutableSortedDictionary<string, WorkEndpoint>.Empty, 0,
            _alive ? null : new WorkExit(WorkExitKind.Lost, null, "gone")),
        Health = _health,
        WatchedUnixMs = _watched,
        Warmup = _warmup,
        Refusal = _refusal,
        Routed = _routed,
        InFlight = _inFlight,
    };

    /// <summary>The process is killed: what it knew and had not stored is gone, and its router with it.</summary>
    private void Kill()
    {
        _memory = null;
        (_routed, _inFlight, _watched) = (false, 0, Now);
        (_health, _warmup, _refusal) = (default, default, default);
    }

    private void Change(Func<ReplicaState, ReplicaState> change)
    {
        if (_memory is not null && Stored is not null)
        {
            Stored = _memory = change(_memory);
        }
    }

    private bool Bad(int chance) => Trouble > 0 && _random.Next(100) < chance;
}
