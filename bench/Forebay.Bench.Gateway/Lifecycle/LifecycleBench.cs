using System.Globalization;

namespace Forebay.Bench.Gateway.Lifecycle;

/// <summary>
/// The rate of a saturated gateway without changes of capacity and with them, by turns of a few seconds: without, with,
/// with, without, and so on, so that neither has the better place when the machine slows down or speeds up.
/// </summary>
internal sealed class LifecycleBench(Func<string, string?> option)
{
    private const int Connections = 32;

    public async Task<int> RunAsync(string root, string work)
    {
        double rate = Number("--rate", 5);
        int others = (int)Number("--deployments", 100);
        int pairs = (int)Number("--pairs", 12);
        double seconds = Number("--seconds", 3);
        string[] only = option("--only")?.Split(',') ?? [];
        if (only.Except(LifecycleChanges.Kinds).ToArray() is { Length: > 0 } unknown)
        {
            await Console.Error.WriteLineAsync(
                $"--only {string.Join(',', unknown)}: give some of {string.Join(',', LifecycleChanges.Kinds)}.");
            return 2;
        }

        string tools = Path.Combine(work, "tools");
        var fleet = new LifecycleFleet(work, tools, others);
        using LifecycleServer server = await LifecycleServer.StartAsync(root, work, fleet);
        var load = new Load(tools, Path.Combine(root, "bench", "gateway", "tools"));
        string body = new Bodies(Path.Combine(work, "bodies")).Small;
        var changes = new LifecycleChanges(server, fleet, only);

        await Console.Error.WriteLineAsync("warming up...");
        await load.WrkAsync(server.Gateway, Load.Chat, body, Connections, 5);
        await changes.BeginAsync();
        await ChangingAsync();
        await load.WrkAsync(server.Gateway, Load.Chat, body, Connections, 3);
        await server.SnapshotsAsync();

        var done = new List<TurnPair>();
        for (int i = 0; i < pairs; i++)
        {
            TurnPair pair = i % 2 == 0
                ? With(await QuietAsync(), await ChangingAsync())
                : Turned(await ChangingAsync(), await QuietAsync());
            done.Add(pair);
            await Console.Error.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture,
                $"{pair.Quiet.PerSecond:#,0}/s without, {pair.Changing.PerSecond:#,0}/s with {pair.Changes} changes and "
                + $"{pair.Snapshots} snapshots: {pair.RateRatio:0.000}x; CPU each {pair.CpuRatio:0.000}x"));
        }

        double alone = await AloneAsync(server, changes, rate);
        var results = new LifecycleResults(
            Machine.Here(TimeProvider.System.GetUtcNow()), rate, others + 2 + LifecycleFleet.Replicas, Connections, done,
            [
                .. changes.TookMs.Select(c => new ChangeTime(
                    c.Key, c.Value.Count, Spread.Of(c.Value).Median, c.Value.Max())),
            ])
        {
            AloneCpuMs = alone,
        };
        await Console.Out.WriteLineAsync(results.ToMarkdown());
        await WriteAsync("--json", results.ToJson());
        await WriteAsync("--markdown", results.ToMarkdown());
        return results.Failed == 0 ? 0 : 1;

        Task<WrkRun> QuietAsync() => load.WrkAsync(server.Gateway, Load.Chat, body, Connections, seconds);

        async Task<(WrkRun Run, int Changes, int Snapshots)> ChangingAsync()
        {
            Task<WrkRun> run = QuietAsync();
            int made = await changes.RunAsync(rate, run);
            WrkRun measured = await run;
            int snapshots = await server.SnapshotsAsync();
            await changes.SettleAsync();
            await server.SnapshotsAsync();
            return (measured, made, snapshots);
        }
    }

    /// <summary>Processor time of a change by itself, in milliseconds: noise of the machine moves rates more than changes
    /// do, and this hardly at all. What the server does anyway while nothing is asked of it is taken off.</summary>
    private static async Task<double> AloneAsync(LifecycleServer server, LifecycleChanges changes, double rate)
    {
        var time = TimeSpan.FromSeconds(20);
        double start = ProcessMeter.CpuSeconds(server.Gateway.Pid);
        await Task.Delay(time, TimeProvider.System);
        double idle = ProcessMeter.CpuSeconds(server.Gateway.Pid) - start;
        int made = await changes.RunAsync(rate, Task.Delay(time, TimeProvider.System));
        double used = ProcessMeter.CpuSeconds(server.Gateway.Pid) - start - idle;
        await changes.SettleAsync();
        return (used - idle) * 1000 / Math.Max(1, made);
    }

    private static TurnPair With(WrkRun quiet, (WrkRun Run, int Changes, int Snapshots) changing) =>
        new(quiet, changing.Run, changing.Changes, changing.Snapshots);

    private static TurnPair Turned((WrkRun Run, int Changes, int Snapshots) changing, WrkRun quiet) =>
        With(quiet, changing);

    private double Number(string name, double usual) => option(name) is { } text
        ? double.Parse(text, CultureInfo.InvariantCulture)
        : usual;

    private async Task WriteAsync(string name, string text)
    {
        if (option(name) is { } file)
        {
            await File.WriteAllTextAsync(file, text);
        }
    }
}
