using System.Collections.Immutable;
using System.Diagnostics;
using Forebay.Core.Execution;
using Forebay.Executors.Local;
using Forebay.FunctionalTests.Executors.Conformance;
using Forebay.FunctionalTests.Server;
using Forebay.TestKit;
using Xunit;

namespace Forebay.FunctionalTests.Executors;

public sealed class LocalProcessExecutorTests : ExecutorConformance
{
    private readonly TemporaryFolder _folder = new();
    private LocalProcessExecutor _executor = null!;

    private protected override IExecutor Executor => _executor;

    private string WorkFolder => Path.Combine(_folder.Path, "work");

    public override ValueTask InitializeAsync()
    {
        _executor = Open();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task No_secret_of_this_process_reaches_an_engine()
    {
        using var executor = new LocalProcessExecutor(
            new LocalProcessOptions { Folder = WorkFolder },
            TimeProvider.System,
            new Dictionary<string, string>
            {
                ["PATH"] = "/usr/bin:/bin", ["ANTHROPIC_API_KEY"] = "sk-secret", ["CUDA_VISIBLE_DEVICES"] = "0",
            });
        await executor.StartAsync(
            Shell("env; echo done") with { Environment = ImmutableSortedDictionary<string, string>.Empty.Add("MINE", "1") },
            default);

        await SaidAsync("done");

        IReadOnlyList<string> log = await executor.ReadLogAsync("w", null, 100, default);
        Assert.Contains("CUDA_VISIBLE_DEVICES=0", log);
        Assert.Contains("MINE=1", log);
        Assert.DoesNotContain(log, l => l.Contains("sk-secret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_process_whose_identity_is_not_proven_is_neither_taken_for_the_work_nor_signalled()
    {
        await Executor.StartAsync(Shell("exit 0"), default);
        await ExitAsync("w");

        // The number was given to another process: an innocent one stands where the work's leader stood.
        using Process innocent = Process.Start("sleep", "1000");
        string claim = Path.Combine(WorkFolder, "w", "1.pid");
        string stat = await File.ReadAllTextAsync($"/proc/{innocent.Id}/stat");
        await File.WriteAllTextAsync(claim, stat);
        File.Delete(Path.Combine(WorkFolder, "w", "1.exit"));
        await ReopenAsync();

        WorkObservation seen = await Executor.StopAsync("w", 1, TimeSpan.Zero, default);

        Assert.Equal((WorkState.Exited, WorkExitKind.Lost), (seen.State, seen.Exit!.Kind));
        Assert.False(innocent.HasExited);
        innocent.Kill();
    }

    [Fact]
    public async Task An_engine_whose_leader_was_killed_does_not_go_on_unwatched()
    {
        WorkObservation started = await Executor.StartAsync(Shell("echo $$; sleep 1000"), default);
        await SaidAsync("");
        await Eventually.TrueAsync(
            async () => (await Executor.ReadLogAsync("w", null, 1, default)).Count == 1, () => "nothing was said");
        int engine = int.Parse((await Executor.ReadLogAsync("w", null, 1, default))[0]);
        int leader = int.Parse(started.Where!["process ".Length..]);
        Assert.NotEqual(engine, leader);

        using (Process victim = Process.GetProcessById(leader))
        {
            victim.Kill();
        }

        WorkExit exit = await ExitAsync("w");
        Assert.Equal(WorkExitKind.Lost, exit.Kind);
        Assert.False(Runs(engine));
    }

    [Fact]
    public async Task What_an_engine_leaves_behind_ends_with_it()
    {
        await Executor.StartAsync(Shell("sleep 1000 & echo $!; exit 0"), default);
        await ExitAsync("w");

        int child = int.Parse((await Executor.ReadLogAsync("w", null, 1, default))[0]);

        await Eventually.TrueAsync(() => !Runs(child), () => $"{child} runs on");
    }

    [Fact]
    public async Task A_start_cut_off_before_the_process_began_is_made_good_and_runs_once()
    {
        // What a process killed right after it wrote its intention leaves behind.
        await Executor.StartAsync(Shell("true"), default);
        await ExitAsync("w");
        File.Delete(Path.Combine(WorkFolder, "w", "1.pid"));
        File.Delete(Path.Combine(WorkFolder, "w", "1.exit"));
        await ReopenAsync();
        Assert.Equal(WorkState.Pending, (await Executor.ObserveAsync("w", default))!.State);

        WorkSpec spec = Shell("echo begun; sleep 1000");
        WorkObservation[] both = await Task.WhenAll(
            Executor.StartAsync(spec, default), Open().StartAsync(spec, default));

        Assert.All(both, b => Assert.Equal(WorkState.Running, b.State));
        Assert.Equal(both[0].Where, both[1].Where);
        Assert.Equal(1, (await Executor.ReadLogAsync("w", null, 10, default)).Count(l => l == "begun"));
    }

    [Fact]
    public async Task An_intention_that_nobody_began_can_be_fenced_off()
    {
        await Executor.StartAsync(Shell("true"), default);
        await ExitAsync("w");
        File.Delete(Path.Combine(WorkFolder, "w", "1.pid"));
        File.Delete(Path.Combine(WorkFolder, "w", "1.exit"));

        WorkExit exit = await StopAsync("w", 1, TimeSpan.Zero);

        Assert.Equal(WorkExitKind.NotStarted, exit.Kind);
        Assert.Equal(WorkState.Exited, (await Executor.StartAsync(Shell("true"), default)).State);
    }

    [Fact]
    public async Task What_is_kept_is_closed_to_others()
    {
        await Executor.StartAsync(Shell("echo x"), default);
        await ExitAsync("w");

        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
                File.GetUnixFileMode(Path.Combine(WorkFolder, "w")));
        }
    }

    private protected override Task ReopenAsync()
    {
        // Nothing of the old one is disposed: a killed process disposes nothing.
        _executor = Open();
        return Task.CompletedTask;
    }

    private protected override Task ReleaseAsync(string id, string file) =>
        File.WriteAllTextAsync(Path.Combine(WorkFolder, id, "run", file), "");

    private protected override ValueTask DisposeCoreAsync()
    {
        _executor.Dispose();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private LocalProcessExecutor Open() => new(new LocalProcessOptions { Folder = WorkFolder }, TimeProvider.System);

    private static bool Runs(int pid) => File.Exists($"/proc/{pid}/stat")
        && !File.ReadAllText($"/proc/{pid}/stat").Contains(") Z ", StringComparison.Ordinal);
}
