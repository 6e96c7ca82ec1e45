namespace Forebay.Bench.Gateway;

/// <summary>The disciplines, in the order in which they run. Contestants take turns within each, so that a slow minute of
/// the machine hits all of them.</summary>
internal sealed class Suite(Contest contest, Load load, Bodies bodies, bool quick)
{
    private readonly int _rounds = quick ? 1 : 5;
    private readonly double _seconds = quick ? 1 : 4;

    public async Task RunAsync(Results results)
    {
        results.Memory = new Memory(ProcessMeter.ResidentBytes(contest["Forebay"].Pid), []);
        await WarmAsync();
        // Paced streams first: memory per stream counts from a server that has not held many before.
        await SlowStreamsAsync(results);
        await RatesAsync(results.Small, "small requests, 32 connections", contest.All, Load.Chat, bodies.Small, 32);
        await OneAsync(results);
        await RatesAsync(results.Stream, "streams of 20 events, 32 connections", contest.All, Load.Chat, bodies.Stream, 32);
        await RatesAsync(
            results.Large, "353 kB bodies, 8 connections", contest.All, Load.Chat, bodies.Large, 8);
        await TranslatedAsync(results);
        await FrontierAsync(results);
        await FastStreamsAsync(results);
        await MemoryAsync(results);
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }

    private static Rate RateOf(string name, List<WrkRun> runs) => new(
        name,
        Median(runs.Select(r => r.PerSecond)),
        Median(runs.Select(r => r.P50Us)),
        Median(runs.Select(r => r.P99Us)),
        Median(runs.Select(r => r.CpuUs)),
        runs.Sum(r => r.NotOk + r.Broken),
        [.. runs.Select(r => Math.Round(r.PerSecond))]);

    private static void Say(string what) => Console.Error.WriteLine($"{what}...");

    /// <summary>Compiled code reaches its last tier only under load, and some time after.</summary>
    private async Task WarmAsync()
    {
        Say("warming up");
        for (int i = 0; i < (quick ? 1 : 2); i++)
        {
            foreach (Contestant c in contest.All)
            {
                await load.WrkAsync(c, Load.Chat, bodies.Small, 32, quick ? 2 : 5);
                await load.WrkAsync(c, Load.Chat, bodies.Stream, 32, quick ? 1 : 3);
            }
        }
    }

    private async Task RatesAsync(
        List<Rate> into, string what, IReadOnlyList<Contestant> contestants, string path, string body, int connections)
    {
        Say(what);
        var runs = contestants.ToDictionary(c => c.Name, _ => new List<WrkRun>());
        for (int round = 0; round < _rounds; round++)
        {
            foreach (Contestant c in contestants)
            {
                runs[c.Name].Add(await load.WrkAsync(c, path, body, connections, _seconds));
            }
        }

        into.AddRange(contestants.Select(c => RateOf(c.Name, runs[c.Name])));
    }

    /// <summary>Latency at one connection: the median of seven runs that take turns.</summary>
    private async Task OneAsync(Results results)
    {
        Say("latency at one connection");
        var runs = contest.All.ToDictionary(c => c.Name, _ => new List<WrkRun>());
        for (int round = 0; round < (quick ? 1 : 7); round++)
        {
            foreach (Contestant c in contest.All)
            {
                runs[c.Name].Add(await load.WrkAsync(c, Load.Chat, bodies.Small, 1, quick ? 1 : 2));
            }
        }

        results.One.AddRange(contest.All.Select(c => RateOf(c.Name, runs[c.Name])));
    }

    private async Task TranslatedAsync(Results results)
    {
        Say("translation");
        Contestant forebay = contest["Forebay"];
        (string Name, string Path, string Body)[] ways =
        [
            ("small, OpenAI to OpenAI", Load.Chat, bodies.Small),
            ("small, OpenAI to Anthropic", Load.Chat, bodies.SmallTranslated),
            ("small, Anthropic to OpenAI", Load.Messages, bodies.SmallMessages),
            ("20 events, OpenAI to OpenAI", Load.Chat, bodies.Stream),
            ("20 events, OpenAI to Anthropic", Load.Chat, bodies.StreamTranslated),
            ("20 events, Anthropic to OpenAI", Load.Messages, bodies.StreamMessages),
        ];
        string[] headers = ["anthropic-version=2023-06-01"];
        var runs = ways.ToDictionary(w => w.Name, _ => new List<WrkRun>());
        for (int round = 0; round <= _rounds; round++)
        {
            foreach ((string name, string path, string body) in ways)
            {
                WrkRun run = await load.WrkAsync(forebay with { Headers = headers }, path, body, 32, _seconds);
                if (round > 0)
                {
                    runs[name].Add(run);
                }
            }
        }

        results.Translated.AddRange(ways.Select(w => RateOf(w.Name, runs[w.Name])));
    }

    private async Task FrontierAsync(Results results)
    {
        Say("throughput at a latency");
        foreach (Contestant c in contest.All)
        {
            var runs = new List<(int Connections, WrkRun Run)>();
            foreach (int connections in (int[])[1, 2, 4, 8, 16, 32, 64, 128])
            {
                runs.Add((connections, await load.WrkAsync(c, Load.Chat, bodies.Small, connections, quick ? 1 : 2)));
            }

            foreach (double limit in (double[])[1, 5, 10, 50])
            {
                (int connections, WrkRun? best) = runs
                    .Where(r => r.Run.P99Us <= limit * 1000 && r.Run.NotOk + r.Run.Broken == 0)
                    .OrderByDescending(r => r.Run.PerSecond)
                    .FirstOrDefault();
                results.Frontier.Add(new Frontier(c.Name, limit, best?.PerSecond ?? 0, connections));
            }
        }
    }

    /// <summary>5,000 streams at once, an event each 200 ms.</summary>
    private async Task SlowStreamsAsync(Results results)
    {
        Say("5,000 streams, an event each 200 ms");
        int streams = quick ? 500 : 5000;
        foreach (string name in (string[])["direct", "bare C# forwarder", "Forebay"])
        {
            Contestant c = contest[name];
            // A few streams first, so that what is compiled for streams is not counted as theirs.
            await load.StreamsAsync(c, c.Paced200Port, c.Paced200Pid, bodies.Paced200, 50, 200, 64, 500, 0);
            StreamRun run = await load.StreamsAsync(
                c, c.Paced200Port, c.Paced200Pid, bodies.Paced200, streams, 200, 64, 5000, 0);
            results.Slow.Add(new Paced(name, streams, run));
        }
    }

    /// <summary>The most streams held at an event each 20 ms: doubling by quarters until it fails, then halving the
    /// interval. A number counts when it is held; a first failure is tried once more, as one stall may be the machine's.
    /// </summary>
    private async Task FastStreamsAsync(Results results)
    {
        foreach (string name in (string[])["direct", "bare C# forwarder", "Forebay"])
        {
            Say($"streams at an event each 20 ms: {name}");
            Paced? best = null;
            int low = 0;
            int high = 0;
            for (int n = 300; high == 0 && n < 6000; n = n * 5 / 4)
            {
                Paced? held = await TryFastAsync(contest[name], n);
                (best, low, high) = held is null ? (best, low, n) : (held, n, 0);
                if (quick)
                {
                    break;
                }
            }

            while (high - low > 25)
            {
                int n = (low + high) / 2;
                Paced? held = await TryFastAsync(contest[name], n);
                (best, low, high) = held is null ? (best, low, n) : (held, n, high);
            }

            if (best is not null)
            {
                results.Fast.Add(best);
            }
        }
    }

    private async Task<Paced?> TryFastAsync(Contestant c, int streams)
    {
        for (int attempt = 0; attempt < 2; attempt++)
        {
            StreamRun run = await load.StreamsAsync(
                c, c.Paced20Port, c.Paced20Pid, bodies.Paced20, streams, 20, 64, 1280, 3);
            Console.Error.WriteLine(
                $"  {streams}: {(run.Held ? "held" : "not held")}, {run.Failed} failed, {run.Stalls} stalls, " +
                $"p99 gap {run.GapP99Ms:0.0} ms");
            if (run.Held)
            {
                return new Paced(c.Name, streams, run);
            }
        }

        return null;
    }

    /// <summary>A million requests, resident memory read on the way.</summary>
    private async Task MemoryAsync(Results results)
    {
        Say("memory over a million requests");
        Contestant forebay = contest["Forebay"];
        var after = new List<KeyValuePair<long, double>>();
        long done = 0;
        long wanted = quick ? 20_000 : 1_000_000;
        while (done < wanted)
        {
            done += (await load.WrkAsync(forebay, Load.Chat, bodies.Small, 32, quick ? 1 : 4)).Requests;
            after.Add(new(done, ProcessMeter.ResidentBytes(forebay.Pid)));
        }

        results.Memory = results.Memory! with { AfterRequests = after };
    }
}
