using Forebay.Core.Execution;

namespace Forebay.Core.Capacity.Replicas;

/// <summary>
/// The life of a replica: planned, fetching, starting, warming, ready, draining, stopping, stopped or failed. One pure
/// step at a time: the state as it is stored, what is wanted, what is seen; out come the next state, to be stored
/// before anything is done, and what to do.
/// </summary>
/// <remarks>
/// What holds, and is checked here in Release: a generation starts only while no other is alive; only a generation that
/// passed its own warm-up is ready; one that drains never serves again (the next generation does); nothing that the
/// router may use is stopped; a report about another generation changes nothing.
/// </remarks>
public static class ReplicaMachine
{
    /// <summary>One step.</summary>
    /// <param name="state">The replica as it is stored.</param>
    /// <param name="wanted">What shall run under its id; null for nothing.</param>
    /// <param name="world">What is seen.</param>
    /// <param name="nowUnixMs">The present.</param>
    /// <param name="jitter">Uniform in [0, 1).</param>
    /// <param name="policy">Deadlines and patience.</param>
    /// <exception cref="InvalidOperationException">An invariant is broken.</exception>
    public static ReplicaStep Step(
        ReplicaState state,
        ReplicaWanted? wanted,
        in ReplicaWorld world,
        long nowUnixMs,
        double jitter,
        ReplicaPolicy policy)
    {
        var at = new Context(state, wanted, world, nowUnixMs, jitter, policy);
        if (world.Work is { } work && work.Generation > state.Generation)
        {
            // The store is older than the executor's memory, as after a restored backup: count on from there.
            return at.To(ReplicaPhase.Stopping, $"Generation {work.Generation} was found, which nothing is known of.")
                .With(s => s with { Generation = work.Generation, After = AfterStop.Replace });
        }

        ReplicaStep step = state.Phase switch
        {
            ReplicaPhase.Planned => Planned(at),
            ReplicaPhase.Fetching => Fetching(at),
            ReplicaPhase.Starting => Starting(at),
            ReplicaPhase.Warming => Warming(at),
            ReplicaPhase.Ready => Ready(at),
            ReplicaPhase.Draining => Draining(at),
            ReplicaPhase.Stopping => Stopping(at),
            ReplicaPhase.Stopped => Stopped(at),
            ReplicaPhase.Failed => Failed(at),
            _ => throw new InvalidOperationException($"Replica {state.Id} is in no phase."),
        };
        Check(state, step, world);
        return step;
    }

    private static ReplicaStep Planned(Context at)
    {
        if (!at.ShallRun)
        {
            return at.MayBeAlive
                ? at.To(ReplicaPhase.Stopping, at.State.Reason).With(static s => s with { After = AfterStop.Stop })
                : at.To(ReplicaPhase.Stopped, at.State.Reason);
        }

        if (at.MayBeAlive)
        {
            return at.Stay(at.World.IsWorkKnown && !at.World.Routed ? ReplicaActions.Stop : ReplicaActions.None);
        }

        if (at.State.Failures > 0 && at.IsReplaced)
        {
            // What failed is not what is wanted now.
            return at.Stay(ReplicaActions.None)
                .With(s => s with { Failures = 0, NotBeforeUnixMs = 0 });
        }

        if (at.Now < at.State.NotBeforeUnixMs)
        {
            return at.Stay(ReplicaActions.None);
        }

        ReplicaWanted spec = at.Wanted!;
        bool fetches = !spec.Weights.IsDefaultOrEmpty;
        return at.To(fetches ? ReplicaPhase.Fetching : ReplicaPhase.Starting, at.State.Reason)
            .With(s => s with
            {
                Spec = spec,
                Generation = s.Generation + 1,
                DeadlineUnixMs = fetches ? null : at.Now + at.StartMsOf(spec),
            });
    }

    private static ReplicaStep Fetching(Context at)
    {
        if (at.Leaving)
        {
            // No process was started in this generation.
            return at.To(ReplicaPhase.Planned, at.State.Reason).With(static s => s with { Failures = 0 });
        }

        return at.World.Weights switch
        {
            WeightsStanding.Ready => at.To(ReplicaPhase.Starting, null)
                .With(s => s with { DeadlineUnixMs = at.Now + at.StartMsOf(at.State.Spec) }),
            WeightsStanding.Failed => at.Fail($"Its weights could not be fetched. {at.World.WeightsReason}"),
            _ => at.Stay(ReplicaActions.Fetch),
        };
    }

    private static ReplicaStep Starting(Context at)
    {
        if (at.Leaving)
        {
            return at.Leave(ReplicaPhase.Stopping);
        }

        if (at.World.Refusal.Generation == at.State.Generation && at.World.Refusal.Reason is { } refused)
        {
            return at.Fail(refused);
        }

        if (at.Work is { IsAlive: false } ended)
        {
            return at.Fail($"Its engine ended before it was healthy: {ended.Exit?.Reason}");
        }

        bool running = at.Work?.State == WorkState.Running;
        EngineHealth health = at.World.Health;
        if (running && health.Generation == at.State.Generation && health.Healthy)
        {
            return at.To(ReplicaPhase.Warming, null)
                .With(s => s with { DeadlineUnixMs = at.Now + at.Policy.WarmMs });
        }

        if (at.IsLate)
        {
            string said = health.Generation == at.State.Generation ? health.Said ?? "nothing" : "nothing";
            return at.Fail($"Its engine was not healthy within {at.StartMsOf(at.State.Spec) / 1000} s; "
                + $"{at.State.Spec.HealthPath} said: {said}");
        }

        return at.Stay(running ? ReplicaActions.Probe : ReplicaActions.Start);
    }

    private static ReplicaStep Warming(Context at)
    {
        if (at.Leaving)
        {
            return at.Leave(ReplicaPhase.Stopping);
        }

        if (at.Gone is { } gone)
        {
            return at.Fail($"Its engine ended while it warmed up: {gone}");
        }

        WarmupResult warmup = at.World.Warmup;
        if (warmup.Generation == at.State.Generation && warmup.Passed)
        {
            return at.To(ReplicaPhase.Ready, null).With(static s => s with { WarmedGeneration = s.Generation });
        }

        if (at.IsLate)
        {
            string said = warmup.Generation == at.State.Generation ? warmup.Said ?? "nothing" : "nothing";
            return at.Fail($"Its engine did not answer within its objective of {at.State.Spec.Warmup.ObjectiveMs} ms "
                + $"after {at.Policy.WarmMs / 1000} s of warming up: {said}");
        }

        return at.Stay(ReplicaActions.Probe | ReplicaActions.Warm);
    }

    private static ReplicaStep Ready(Context at)
    {
        if (at.State.WarmedGeneration != at.State.Generation)
        {
            throw new InvalidOperationException(
                $"Replica {at.State.Id} is ready in generation {at.State.Generation}, which was not warmed up.");
        }

        if (at.Gone is { } gone)
        {
            return at.Fail($"Its engine ended: {gone}");
        }

        if (at.Leaving)
        {
            return at.Leave(ReplicaPhase.Draining);
        }

        EngineHealth health = at.World.Health;
        long good = health.Generation == at.State.Generation ? health.GoodUnixMs : 0;
        long silentMs = at.Now - Math.Max(good, Math.Max(at.World.WatchedUnixMs, at.State.SinceUnixMs));
        if (silentMs >= at.Policy.UnhealthyMs)
        {
            return at.Fail($"Its engine was not healthy for {silentMs / 1000} s: {health.Said}");
        }

        bool stable = at.State.Failures > 0 && at.Now - at.State.SinceUnixMs >= at.Policy.StableMs;
        return at.Stay(ReplicaActions.Probe | ReplicaActions.Route)
            .With(s => stable ? s with { Failures = 0 } : s);
    }

    private static ReplicaStep Draining(Context at)
    {
        if (at.Gone is not null)
        {
            return at.To(ReplicaPhase.Stopping, at.State.Reason);
        }

        if (at.World.Routed)
        {
            return at.Stay(ReplicaActions.Probe);
        }

        if (at.World.InFlight == 0)
        {
            return at.To(ReplicaPhase.Stopping, at.State.Reason);
        }

        if (at.IsLate)
        {
            return at.To(ReplicaPhase.Stopping, $"{at.World.InFlight} requests were still in flight after "
                + $"{at.Policy.DrainMs / 1000} s and go on elsewhere.");
        }

        // The time to drain begins when nothing new can come.
        return at.Stay(ReplicaActions.Probe).With(s => s.DeadlineUnixMs is null
            ? s with { DeadlineUnixMs = at.Now + at.Policy.DrainMs }
            : s);
    }

    private static ReplicaStep Stopping(Context at)
    {
        if (at.MayBeAlive)
        {
            bool stop = at.World.IsWorkKnown && !at.World.Routed;
            return at.Stay(stop ? ReplicaActions.Stop : ReplicaActions.None);
        }

        return at.State.After switch
        {
            AfterStop.Retry => at.To(ReplicaPhase.Planned, at.State.Reason),
            AfterStop.Replace => at.To(ReplicaPhase.Planned, at.State.Reason).With(s => s with { NotBeforeUnixMs = 0 }),
            AfterStop.Fail => at.To(ReplicaPhase.Failed, at.State.Reason),
            _ => at.To(ReplicaPhase.Stopped, at.State.Reason),
        };
    }

    private static ReplicaStep Stopped(Context at)
    {
        if (at.MayBeAlive)
        {
            return at.Stay(at.World.IsWorkKnown && !at.World.Routed ? ReplicaActions.Stop : ReplicaActions.None);
        }

        if (at.ShallRun)
        {
            return at.To(ReplicaPhase.Planned, null)
                .With(static s => s with { Failures = 0, NotBeforeUnixMs = 0 });
        }

        bool old = at.Wanted is null && at.Now - at.State.SinceUnixMs >= at.Policy.RetainMs;
        return !old ? at.Stay(ReplicaActions.None)
            : at.World.Work is null ? new ReplicaStep(null, ReplicaActions.None)
            : at.Stay(ReplicaActions.Forget);
    }

    private static ReplicaStep Failed(Context at)
    {
        if (at.World.Work is { IsAlive: true })
        {
            return at.Stay(at.World.IsWorkKnown && !at.World.Routed ? ReplicaActions.Stop : ReplicaActions.None);
        }

        if (!at.ShallRun)
        {
            return at.To(ReplicaPhase.Stopped, at.State.Reason);
        }

        return at.Leaving
            ? at.To(ReplicaPhase.Planned, null).With(static s => s with { Failures = 0, NotBeforeUnixMs = 0 })
            : at.Stay(ReplicaActions.None);
    }

    private static void Check(ReplicaState before, ReplicaStep step, in ReplicaWorld world)
    {
        bool alive = world.Work is { IsAlive: true };
        string? broken = step switch
        {
            { Next: null } when alive => "is forgotten while its engine runs",
            { Next.Generation: var g } when g < before.Generation => "went back by a generation",
            { Next.Generation: var g } when g > before.Generation && alive && world.Work!.Generation != g =>
                "begins a generation while another one is alive",
            _ when step.Actions.HasFlag(ReplicaActions.Start) && alive && world.Work!.Generation != before.Generation =>
                "is started while another generation is alive",
            _ when step.Actions.HasFlag(ReplicaActions.Stop) && world.Routed => "is stopped while it is routed to",
            _ when step.Actions.HasFlag(ReplicaActions.Route) && before.Phase != ReplicaPhase.Ready =>
                "is routed to while it is not ready",
            _ => null,
        };
        if (broken is not null)
        {
            throw new InvalidOperationException(
                $"Replica {before.Id} {broken} (generation {before.Generation}, {before.Phase}).");
        }
    }

    private static ReplicaStep With(this ReplicaStep step, Func<ReplicaState, ReplicaState> change) =>
        step with { Next = change(step.Next!) };

    /// <summary>A step's input, and the questions that several phases ask of it.</summary>
    private sealed class Context(
        ReplicaState state, ReplicaWanted? wanted, ReplicaWorld world, long now, double jitter, ReplicaPolicy policy)
    {
        public ReplicaState State { get; } = state;

        public ReplicaWanted? Wanted { get; } = wanted;

        public ReplicaWorld World { get; } = world;

        public long Now { get; } = now;

        public ReplicaPolicy Policy { get; } = policy;

        /// <summary>The present generation's work.</summary>
        public WorkObservation? Work => World.Work is { } work && work.Generation == State.Generation ? work : null;

        /// <summary>Whether anything may run under the id, of whatever generation.</summary>
        public bool MayBeAlive => !World.IsWorkKnown || World.Work is { IsAlive: true };

        public bool ShallRun => Wanted is not null && !State.Held;

        /// <summary>Whether the present generation shall end.</summary>
        public bool Leaving => !ShallRun || IsReplaced;

        public bool IsLate => State.DeadlineUnixMs is { } deadline && Now >= deadline;

        /// <summary>How a generation that ran is gone; null while it is there, or nobody knows.</summary>
        public string? Gone => !World.IsWorkKnown || Work is { IsAlive: true } ? null
            : Work?.Exit?.Reason ?? "nothing is known of it any more.";

        public bool IsReplaced => State.RestartGeneration >= State.Generation && State.Generation > 0
            || Wanted!.Fingerprint() != State.Spec.Fingerprint();

        /// <summary>How long an engine may take until it is healthy.</summary>
        public long StartMsOf(ReplicaWanted spec) => spec.StartTimeoutMs ?? Policy.StartMs;

        public ReplicaStep Stay(ReplicaActions actions) => new(State, actions);

        public ReplicaStep To(ReplicaPhase phase, string? reason) => new(
            State with { Phase = phase, SinceUnixMs = Now, DeadlineUnixMs = null, Reason = reason },
            ReplicaActions.None);

        /// <summary>Ends the present generation because something else, or nothing, is wanted.</summary>
        public ReplicaStep Leave(ReplicaPhase phase)
        {
            string why = Wanted is null ? "It is no longer wanted."
                : State.Held ? "An operator stopped it."
                : State.RestartGeneration >= State.Generation ? "An operator asked for a restart."
                : "Another engine is wanted under this id.";
            AfterStop after = ShallRun ? AfterStop.Replace : AfterStop.Stop;
            return new ReplicaStep(
                State with
                {
                    Phase = phase, SinceUnixMs = Now, DeadlineUnixMs = null, Reason = why, After = after, Failures = 0,
                },
                ReplicaActions.None);
        }

        public ReplicaStep Fail(string reason)
        {
            int failures = State.Failures + 1;
            return new ReplicaStep(
                State with
                {
                    Phase = ReplicaPhase.Stopping,
                    SinceUnixMs = Now,
                    DeadlineUnixMs = null,
                    Reason = reason,
                    Failures = failures,
                    NotBeforeUnixMs = Now + Policy.WaitMs(failures, jitter),
                    After = failures >= Policy.MaxFailures ? AfterStop.Fail : AfterStop.Retry,
                },
                ReplicaActions.None);
        }
    }
}
