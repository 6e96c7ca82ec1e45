using System.Threading.Channels;
using Forebay.Control.FleetFile;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.UnitTests.Control.FleetFile;

public sealed class FleetFileWatcherTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("forebay-watch").FullName;
    private readonly Channel<FleetConfig> _applied = Channel.CreateUnbounded<FleetConfig>();
    private readonly string _file;

    public FleetFileWatcherTests()
    {
        _file = Path.Combine(_folder, "forebay.yaml");
        File.WriteAllText(_file, Fixture.Whole);
    }

    private static CancellationToken TestEnds => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_good_file_is_put_in_force_and_a_bad_one_leaves_the_old()
    {
        await using FleetFileWatcher watcher = Watch();

        File.WriteAllText(_file, Fixture.Whole.Replace("acme", "other", StringComparison.Ordinal));
        FleetReload good = await watcher.ReloadNowAsync(TestEnds);
        FleetFileStatus inForce = watcher.Status;
        File.WriteAllText(_file, Fixture.Whole.Replace("tier: build", "tier: none", StringComparison.Ordinal));
        FleetReload bad = await watcher.ReloadNowAsync(TestEnds);

        Assert.True(good.Applied);
        Assert.Equal("other", (await _applied.Reader.ReadAsync(TestEnds)).Tenants.Single().Id);
        Assert.False(bad.Applied);
        Assert.Equal(26, Assert.Single(bad.Problems).Line);
        Assert.Equal((2, inForce.Sha256), (watcher.Status.Loads, watcher.Status.Sha256));
        Assert.NotNull(watcher.Status.Rejected);
        Assert.Equal(bad.Problems, watcher.Status.Problems);
    }

    [Fact]
    public async Task What_cannot_be_put_in_force_is_reported_at_its_line()
    {
        await using FleetFileWatcher watcher = Watch(apply: _ =>
            [new ConfigProblem("deployments[0].pool", "no place left", "Free some.")]);

        FleetReload reload = await watcher.ReloadNowAsync(TestEnds);

        Assert.Equal(
            $"{_file}:20:5: deployments[0].pool: no place left. Free some.", ProblemText.Format(reload.Problems));
    }

    [Fact]
    public async Task An_error_while_it_is_put_in_force_is_a_problem_and_watching_goes_on()
    {
        bool fails = true;
        await using FleetFileWatcher watcher = Watch(apply: _ =>
            fails ? throw new InvalidOperationException("broken") : []);

        FleetReload failed = await watcher.ReloadNowAsync(TestEnds);
        Assert.Contains("broken", failed.Problems.Single().Message, StringComparison.Ordinal);
        fails = false;
        Assert.True((await watcher.ReloadNowAsync(TestEnds)).Applied);
    }

    [Fact]
    public async Task A_file_taken_away_leaves_the_fleet_in_force()
    {
        await using FleetFileWatcher watcher = Watch();
        File.Delete(_file);

        FleetReload reload = await watcher.ReloadNowAsync(TestEnds);

        Assert.False(reload.Applied);
        Assert.StartsWith("there is no file", reload.Problems.Single().Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Changes_for_the_next_start_are_named_until_then()
    {
        await using FleetFileWatcher watcher = Watch();
        File.WriteAllText(_file, Fixture.Whole + "server: {api: {listen: 127.0.0.1:9999}}\n");

        for (int i = 0; i < 2; i++)
        {
            Assert.Equal("server.api.listen", (await watcher.ReloadNowAsync(TestEnds)).NeedsRestart.Single().Path);
        }
    }

    [Fact]
    public async Task A_change_on_disk_is_noticed_by_itself()
    {
        await using FleetFileWatcher watcher = Watch(settle: TimeSpan.FromMilliseconds(1));

        File.WriteAllText(_file, Fixture.Whole.Replace("acme", "first", StringComparison.Ordinal));
        FleetConfig first = await _applied.Reader.ReadAsync(TestEnds);
        string next = Path.Combine(_folder, "next");
        File.WriteAllText(next, Fixture.Whole.Replace("acme", "second", StringComparison.Ordinal));
        File.Move(next, _file, overwrite: true);
        FleetConfig second = await _applied.Reader.ReadAsync(TestEnds);

        Assert.Equal(("first", "second"), (first.Tenants.Single().Id, second.Tenants.Single().Id));
    }

    [Fact]
    public async Task A_swapped_symbolic_link_is_found_by_the_poll()
    {
        string elsewhere = Directory.CreateDirectory(Path.Combine(_folder, "a")).FullName;
        string target = Path.Combine(elsewhere, "content");
        File.Move(_file, target);
        File.CreateSymbolicLink(_file, target);
        await using FleetFileWatcher watcher = Watch(
            settle: TimeSpan.FromMilliseconds(1), poll: TimeSpan.FromMilliseconds(20));

        File.WriteAllText(target, Fixture.Whole.Replace("acme", "swapped", StringComparison.Ordinal));

        Assert.Equal("swapped", (await _applied.Reader.ReadAsync(TestEnds)).Tenants.Single().Id);
    }

    private FleetFileWatcher Watch(
        Func<FleetConfig, IReadOnlyList<ConfigProblem>>? apply = null,
        TimeSpan? settle = null,
        TimeSpan? poll = null) => new(
            new FleetFileWatcherOptions
            {
                Path = _file,
                Reader = Fixture.Reader,
                Started = Fixture.Reader.ReadFile(_file),
                Apply = (config, _) =>
                {
                    _applied.Writer.TryWrite(config);
                    return Task.FromResult(apply?.Invoke(config) ?? []);
                },
                // Where a test reloads by hand, nothing else may.
                Settle = settle ?? TimeSpan.FromDays(1),
                Poll = poll ?? TimeSpan.FromDays(1),
            },
            NullLogger<FleetFileWatcher>.Instance);
}
