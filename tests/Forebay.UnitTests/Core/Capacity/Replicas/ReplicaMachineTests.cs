using System.Collections.Immutable;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Execution;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Replicas;

public sealed class ReplicaMachineTests
{
    private static readonly ReplicaPolicy Policy = new();
    private static readonly ReplicaWanted Wanted = ReplicaWanteds.Of(weights: false);

    [Fact]
    public void Whatever_went_wrong_it_comes_to_what_is_wanted_once_the_world_lets_it() =>
        Prop.ForAll(Gen.Choose(0, int.MaxValue - 1).ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            var room = new ReplicaRoom(seed) { Trouble = random.Next(5, 60) };
            for (int i = 0; i < 300; i++)
            {
                Upset(random, room);
                room.Pass();
            }

            room.Trouble = 0;
            room.Wanted = random.Next(4) == 0 ? null : ReplicaWanteds.Of(program: "last");
            for (int i = 0; i < 200; i++)
            {
                if (i == 20)
                {
                    // What was given up or held waits for a person.
                    room.Restart();
                }

                room.Pass();
            }

            if (room.Wanted is null)
            {
                return room is { Stored: null, IsAlive: false, IsRouted: false };
            }

            return room is { Stored.Phase: ReplicaPhase.Ready, Stored.Spec.Program: "last", IsAlive: true, IsRouted: true };
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void An_engine_that_never_becomes_healthy_ends_as_failed_with_what_it_said()
    {
        ReplicaState state = ReplicaState.Plan(Wanted, 0);
        long now = 0;
        for (int i = 0; i < 10_000 && state.Phase != ReplicaPhase.Failed; i++, now += 5_000)
        {
            WorkObservation? work = state.Phase == ReplicaPhase.Starting ? Work(state.Generation, WorkState.Running) : null;
            state = Step(state, Wanted, now, World(work) with
            {
                Health = new EngineHealth(state.Generation, false, 0, "status 503 loading"),
            }).Next!;
        }

        Assert.Equal((ReplicaPhase.Failed, 5, 5L), (state.Phase, state.Failures, state.Generation));
        Assert.Contains("status 503 loading", state.Reason, StringComparison.Ordinal);
        Assert.Equal(ReplicaActions.None, Step(state, Wanted, now, World(null)).Actions);
        ReplicaWanted other = Wanted with { Program = "better" };
        Assert.Equal(ReplicaPhase.Planned, Step(state, other, now, World(null)).Next!.Phase);
    }

    [Fact]
    public void Waits_double_up_to_their_bound()
    {
        long[] waits = [.. Enumerable.Range(1, 12).Select(n => Policy.WaitMs(n, 0.999_999))];

        Assert.Equal(1000, waits[0], 1.0);
        Assert.All(Enumerable.Range(1, 7), i => Assert.Equal(2.0, (double)waits[i] / waits[i - 1], 0.01));
        Assert.All(waits, w => Assert.True(w <= Policy.MaxWaitMs));
        Assert.True(Policy.WaitMs(3, 0) >= Policy.WaitMs(3, 0.99) / 2);
    }

    [Fact]
    public void A_generation_that_was_not_warmed_up_is_never_ready()
    {
        ReplicaState forged = Ready() with { Generation = 2, WarmedGeneration = 1 };

        Assert.Throws<InvalidOperationException>(
            () => Step(forged, Wanted, 0, World(Work(2, WorkState.Running))));
    }

    [Fact]
    public void Reports_of_another_generation_change_nothing()
    {
        ReplicaState warming = ReplicaState.Plan(Wanted, 0) with
        {
            Phase = ReplicaPhase.Warming, Generation = 3, DeadlineUnixMs = 1_000,
        };
        ReplicaWorld stale = World(Work(3, WorkState.Running)) with
        {
            Warmup = new WarmupResult(2, true, null),
            Health = new EngineHealth(2, true, 1, null),
            Refusal = new StartRefusal(2, "old"),
        };

        Assert.Equal(warming, Step(warming, Wanted, 0, stale).Next);
        Assert.Equal(ReplicaPhase.Ready, Step(warming, Wanted, 0, stale with { Warmup = new(3, true, null) }).Next!.Phase);

        ReplicaState starting = warming with { Phase = ReplicaPhase.Starting };
        Assert.Equal((starting, ReplicaActions.Probe), Pair(Step(starting, Wanted, 0, stale)));
        Assert.Equal(
            ReplicaPhase.Warming,
            Step(starting, Wanted, 0, stale with { Health = new EngineHealth(3, true, 1, null) }).Next!.Phase);
    }

    [Fact]
    public void A_draining_replica_waits_until_it_is_out_of_routing_and_idle_or_its_time_is_over()
    {
        ReplicaState ready = Ready();
        ReplicaWorld busy = World(Work(1, WorkState.Running)) with { Routed = true, InFlight = 2 };

        ReplicaState draining = Step(ready, null, 0, busy).Next!;
        Assert.Equal(ReplicaPhase.Draining, draining.Phase);

        // Still routed to: no deadline runs, and nothing is stopped.
        ReplicaStep waiting = Step(draining, null, 10_000_000, busy);
        Assert.Equal((draining, ReplicaActions.Probe), (waiting.Next!, waiting.Actions));

        ReplicaState quiet = Step(draining, null, 0, busy with { Routed = false }).Next!;
        Assert.Equal(Policy.DrainMs, quiet.DeadlineUnixMs);
        Assert.Equal(
            ReplicaPhase.Stopping, Step(quiet, null, 1, busy with { Routed = false, InFlight = 0 }).Next!.Phase);
        ReplicaState cut = Step(quiet, null, Policy.DrainMs, busy with { Routed = false }).Next!;
        Assert.Equal(ReplicaPhase.Stopping, cut.Phase);
        Assert.Contains("2 requests", cut.Reason, StringComparison.Ordinal);

        // Wanted again: another generation serves, never this one.
        Assert.Equal(ReplicaPhase.Draining, Step(draining, Wanted, 0, busy).Next!.Phase);
    }

    [Fact]
    public void A_ready_engine_that_goes_silent_is_replaced_but_not_right_after_a_restart_of_the_watcher()
    {
        ReplicaWorld silent = World(Work(1, WorkState.Running)) with
        {
            Routed = true, WatchedUnixMs = 1_000_000, Health = new EngineHealth(1, false, 0, "refused"),
        };

        Assert.Equal(ReplicaPhase.Ready, Step(Ready(), Wanted, 1_000_000 + Policy.UnhealthyMs - 1, silent).Next!.Phase);
        ReplicaState failed = Step(Ready(), Wanted, 1_000_000 + Policy.UnhealthyMs, silent).Next!;
        Assert.Equal((ReplicaPhase.Stopping, AfterStop.Retry), (failed.Phase, failed.After));
        Assert.Contains("refused", failed.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_concluded_from_an_executor_that_does_not_answer()
    {
        ReplicaWorld silent = World(null) with { IsWorkKnown = false };

        Assert.Equal(ReplicaPhase.Ready, Step(Ready(), Wanted, 0, silent).Next!.Phase);
        ReplicaState stopping = Ready() with { Phase = ReplicaPhase.Stopping };
        Assert.Equal((stopping, ReplicaActions.None), Pair(Step(stopping, null, 0, silent)));
    }

    [Fact]
    public void What_does_not_concern_the_process_replaces_nothing()
    {
        ReplicaWorld world = World(Work(1, WorkState.Running)) with { Routed = true };

        Assert.Equal(ReplicaPhase.Ready, Step(Ready(), Wanted with { MaxConcurrency = 3 }, 0, world).Next!.Phase);
        Assert.Equal(ReplicaPhase.Draining, Step(Ready(), Wanted with { Version = "2" }, 0, world).Next!.Phase);
        Assert.Equal(
            ReplicaPhase.Draining, Step(Ready() with { RestartGeneration = 1 }, Wanted, 0, world).Next!.Phase);
        Assert.Equal(ReplicaPhase.Draining, Step(Ready() with { Held = true }, Wanted, 0, world).Next!.Phase);
    }

    [Fact]
    public void A_store_that_is_older_than_what_runs_counts_on_from_there()
    {
        ReplicaState old = Ready();

        ReplicaState next = Step(old, Wanted, 0, World(Work(7, WorkState.Running))).Next!;

        Assert.Equal((ReplicaPhase.Stopping, 7L, AfterStop.Replace), (next.Phase, next.Generation, next.After));
    }

    private static ReplicaState Ready() => ReplicaState.Plan(Wanted, 0) with
    {
        Phase = ReplicaPhase.Ready, Generation = 1, WarmedGeneration = 1,
    };

    private static void Upset(Random random, ReplicaRoom room)
    {
        switch (random.Next(40))
        {
            case 0:
                room.Wanted = null;
                break;
            case 1 or 2 or 3:
                room.Wanted = ReplicaWanteds.Of(program: $"engine{random.Next(3)}", weights: random.Next(2) == 0);
                break;
            case 4:
                room.Restart();
                break;
            case 5:
                room.Hold();
                break;
        }
    }

    private static (ReplicaState, ReplicaActions) Pair(ReplicaStep step) => (step.Next!, step.Actions);

    private static ReplicaStep Step(ReplicaState state, ReplicaWanted? wanted, long now, ReplicaWorld world) =>
        ReplicaMachine.Step(state, wanted, world, now, 0.5, Policy);

    private static ReplicaWorld World(WorkObservation? work) => new() { IsWorkKnown = true, Work = work };

    private static WorkObservation Work(long generation, WorkState state) => new(
        "r1", generation, state, null, ImmutableSortedDictionary<string, WorkEndpoint>.Empty, 0,
        state == WorkState.Exited ? new WorkExit(WorkExitKind.Code, 1, "ended") : null);
}
