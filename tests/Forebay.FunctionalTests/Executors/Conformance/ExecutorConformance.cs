using System.Collections.Immutable;
using Forebay.Core.Execution;
using Forebay.FunctionalTests.Server;
using Xunit;

namespace Forebay.FunctionalTests.Executors.Conformance;

/// <summary>What every executor does: local processes, Slurm, Kubernetes. Work is a shell command.</summary>
public abstract class ExecutorConformance : IAsyncLifetime
{
    private protected static readonly TimeSpan Patient = TimeSpan.FromMinutes(2);

    private protected abstract IExecutor Executor { get; }

    public abstract ValueTask InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        foreach (WorkObservation work in await Executor.ListAsync(default))
        {
            await StopAsync(work.Id, work.Generation, TimeSpan.Zero);
        }

        await DisposeCoreAsync();
    }

    /// <summary>Lets go of the executor as a killed process does, and opens another over the same state.</summary>
    private protected abstract Task ReopenAsync();

    private protected abstract ValueTask DisposeCoreAsync();

    /// <summary>Work that runs a line of shell, where the executor's work runs.</summary>
    private protected virtual WorkSpec Shell(string line, string id = "w", long generation = 1) => new()
    {
        Id = id, Generation = generation, Program = "/bin/sh", Arguments = ["-c", line],
    };

    [Fact]
    public async Task Work_runs_says_what_it_says_and_ends_with_its_code()
    {
        await Executor.StartAsync(Shell("echo one; echo two >&2; exit 3"), default);

        WorkExit exit = await ExitAsync("w");

        Assert.Equal((WorkExitKind.Code, 3), (exit.Kind, exit.Code));
        Assert.Contains("code 3", exit.Reason, StringComparison.Ordinal);
        Assert.Contains("two", exit.Reason, StringComparison.Ordinal);
        Assert.Equal(["one", "two"], await Executor.ReadLogAsync("w", null, 10, default));
        Assert.Equal(["two"], await Executor.ReadLogAsync("w", 1, 1, default));
    }

    [Fact]
    public async Task A_start_that_is_asked_for_again_starts_nothing()
    {
        WorkSpec spec = Shell("echo run >> runs; sleep 1000");
        WorkObservation first = await Executor.StartAsync(spec, default);
        WorkObservation[] again = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => Executor.StartAsync(spec, default)));
        await ReopenAsync();
        WorkObservation after = await Executor.StartAsync(spec, default);

        Assert.Equal(WorkState.Running, first.State);
        Assert.All(again.Append(after), a => Assert.Equal((first.Where, first.State), (a.Where, a.State)));
        Assert.Single(await Executor.ListAsync(default));

        // Also one that has ended does not run a second time in its generation.
        await StopAsync("w", 1, Patient);
        Assert.Equal(WorkState.Exited, (await Executor.StartAsync(spec, default)).State);
    }

    [Fact]
    public async Task It_is_found_again_with_its_ports_and_stopped_by_another_process()
    {
        WorkSpec spec = Shell("trap 'echo bye; exit 0' TERM; echo port $PORT; while :; do sleep 0.05; done") with
        {
            Ports = ["http", "metrics"],
            Environment = ImmutableSortedDictionary<string, string>.Empty.Add("PORT", "{port:metrics}"),
        };
        WorkObservation started = await Executor.StartAsync(spec, default);
        await SaidAsync("port");
        await ReopenAsync();

        WorkObservation? found = await Executor.ObserveAsync("w", default);
        Assert.NotNull(found);
        Assert.Equal((WorkState.Running, started.Where), (found.State, found.Where));
        Assert.Equal(started.Endpoints.AsEnumerable(), found.Endpoints);
        Assert.Equal(2, found.Endpoints.Values.Select(e => e.Port).Distinct().Count());
        Assert.Contains(
            $"port {found.Endpoints["metrics"].Port}", await Executor.ReadLogAsync("w", null, 5, default));

        WorkExit exit = await StopAsync("w", 1, Patient);
        Assert.Equal(WorkExitKind.Stopped, exit.Kind);
        Assert.Contains("bye", await Executor.ReadLogAsync("w", null, 5, default));
    }

    [Fact]
    public async Task What_ended_while_nobody_looked_is_known_with_its_code()
    {
        await Executor.StartAsync(Shell("while [ ! -e go ]; do sleep 0.05; done; echo gone; exit 7"), default);
        await ReopenAsync();
        await ReleaseAsync("w", "go");

        WorkExit exit = await ExitAsync("w");

        Assert.Equal((WorkExitKind.Code, 7), (exit.Kind, exit.Code));
    }

    [Fact]
    public async Task What_does_not_end_when_asked_is_killed_past_its_grace()
    {
        await Executor.StartAsync(Shell("trap '' TERM; echo deaf; while :; do sleep 0.05; done"), default);
        await SaidAsync("deaf");

        WorkObservation asked = await Executor.StopAsync("w", 1, Patient, default);
        Assert.True(asked.IsAlive);
        WorkExit exit = await StopAsync("w", 1, TimeSpan.Zero);

        Assert.Equal(WorkExitKind.Killed, exit.Kind);
    }

    [Fact]
    public async Task Stale_generations_change_nothing_and_two_are_never_alive()
    {
        await Executor.StartAsync(Shell("sleep 1000", generation: 5), default);

        WorkRefusedException stale = await Assert.ThrowsAsync<WorkRefusedException>(
            () => Executor.StartAsync(Shell("sleep 1000", generation: 4), default));
        Assert.Contains("stale", stale.Message, StringComparison.Ordinal);
        WorkRefusedException alive = await Assert.ThrowsAsync<WorkRefusedException>(
            () => Executor.StartAsync(Shell("sleep 1000", generation: 6), default));
        Assert.Contains("still alive", alive.Message, StringComparison.Ordinal);
        await Executor.StopAsync("w", 4, TimeSpan.Zero, default);
        Assert.Equal(WorkState.Running, (await Executor.ObserveAsync("w", default))!.State);

        await StopAsync("w", 5, Patient);
        Assert.Equal(WorkState.Running, (await Executor.StartAsync(Shell("sleep 1000", generation: 6), default)).State);
    }

    [Fact]
    public async Task A_request_to_end_right_after_the_start_is_never_lost()
    {
        for (int generation = 1; generation <= 40; generation++)
        {
            await Executor.StartAsync(Shell("sleep 1000", generation: generation), default);
            WorkExit exit = await StopAsync("w", generation, Patient);
            Assert.Equal(WorkExitKind.Stopped, exit.Kind);
        }
    }

    [Fact]
    public async Task A_start_that_comes_after_its_stop_is_refused_or_never_runs()
    {
        await Executor.StopAsync("w", 2, TimeSpan.Zero, default);
        await ReopenAsync();

        Assert.Equal(WorkState.Exited, (await Executor.StartAsync(Shell("sleep 1000", generation: 2), default)).State);
        await Assert.ThrowsAsync<WorkRefusedException>(() => Executor.StartAsync(Shell("sleep 1000"), default));
        Assert.Equal(WorkState.Running, (await Executor.StartAsync(Shell("sleep 1000", generation: 3), default)).State);
    }

    [Fact]
    public async Task A_program_that_is_not_there_and_a_spec_that_is_wrong_are_refused_in_words()
    {
        WorkRefusedException absent = await Assert.ThrowsAsync<WorkRefusedException>(
            () => Executor.StartAsync(Shell("") with { Program = "no-such-engine" }, default));
        Assert.Contains("no-such-engine", absent.Message, StringComparison.Ordinal);
        Assert.Contains("PATH", absent.Message, StringComparison.Ordinal);

        WorkRefusedException wrong = await Assert.ThrowsAsync<WorkRefusedException>(
            () => Executor.StartAsync(Shell("") with { Id = "../x", Generation = 0 }, default));
        Assert.Contains("../x", wrong.Message, StringComparison.Ordinal);
        Assert.Contains("generation", wrong.Message, StringComparison.Ordinal);
        Assert.Null(await Executor.ObserveAsync("w", default));
    }

    [Fact]
    public async Task Output_is_kept_to_its_bound_and_its_end_is_what_is_kept()
    {
        WorkSpec spec = Shell("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; sleep 1000") with
        {
            LogBytes = 8192,
        };
        await Executor.StartAsync(spec, default);

        await SaidAsync("line 19999");
        await Executor.ObserveAsync("w", default);

        IReadOnlyList<string> kept = await Executor.ReadLogAsync("w", null, 100_000, default);
        Assert.Equal("line 19999", kept[^1]);
        Assert.InRange(kept.Sum(l => l.Length + 1), 1000, 8192);
    }

    [Fact]
    public async Task Only_what_has_ended_is_forgotten()
    {
        await Executor.StartAsync(Shell("sleep 1000"), default);
        await Executor.ForgetAsync("w", default);
        Assert.NotNull(await Executor.ObserveAsync("w", default));

        await StopAsync("w", 1, Patient);
        await Executor.ForgetAsync("w", default);

        Assert.Null(await Executor.ObserveAsync("w", default));
        Assert.Empty(await Executor.ListAsync(default));
        await Executor.ForgetAsync("w", default);
    }

    /// <summary>Makes a file appear where the work runs.</summary>
    private protected abstract Task ReleaseAsync(string id, string file);

    private protected async Task<WorkExit> ExitAsync(string id)
    {
        WorkObservation? seen = null;
        await Eventually.TrueAsync(
            async () => (seen = await Executor.ObserveAsync(id, default)) is { State: WorkState.Exited },
            () => $"{id} did not end: {seen}");
        return seen!.Exit!;
    }

    private protected async Task<WorkExit> StopAsync(string id, long generation, TimeSpan grace)
    {
        WorkObservation? seen = null;
        await Eventually.TrueAsync(
            async () => !(seen = await Executor.StopAsync(id, generation, grace, default)).IsAlive,
            () => $"{id} did not stop: {seen}");
        return seen!.Exit!;
    }

    private protected Task SaidAsync(string words, string id = "w") => Eventually.TrueAsync(
        async () => (await Executor.ReadLogAsync(id, null, 10, default)).Any(l => l.Contains(words, StringComparison.Ordinal)),
        () => $"{id} never said '{words}'");
}
