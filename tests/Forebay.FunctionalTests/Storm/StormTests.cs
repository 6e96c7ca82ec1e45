using System.Globalization;
using Forebay.Core.Serving;
using Forebay.FunctionalTests.Hostile;
using Xunit;

namespace Forebay.FunctionalTests.Storm;

/// <summary>
/// Upstreams are killed, slowed, hung and cut, masks are flipped and the fleet file is reloaded, all under load: with no
/// wrong answer, no failure that need not be, no residency violation, no usage lost or counted twice, and nothing held
/// when it is over. <c>FOREBAY_STORM_SEED</c> runs that seed alone, <c>FOREBAY_STORM_COUNT</c> sets how many are run.
/// </summary>
public sealed class StormTests(ITestOutputHelper output)
{
    private const int Clients = 24;
    private const int QuestionsEach = 30;

    /// <summary>How many questions come between two steps of the storm.</summary>
    private const int QuestionsPerStep = 8;

    /// <summary>A storm goes on though nothing moves, as when all requests hang.</summary>
    private static readonly TimeSpan Lull = TimeSpan.FromMilliseconds(40);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(2);

    private static readonly string[] Policies =
    [
        "{tolerance_ms: 60000}", "{policy: predictive}", "{policy: round_robin}", "{policy: power_of_two}",
        "{policy: least_loaded}",
    ];

    public static TheoryData<int> Seeds =>
        Environment.GetEnvironmentVariable("FOREBAY_STORM_SEED") is { } seed
            ? [int.Parse(seed, CultureInfo.InvariantCulture)]
            : [.. Enumerable.Range(0, int.Parse(
                Environment.GetEnvironmentVariable("FOREBAY_STORM_COUNT") ?? "3", CultureInfo.InvariantCulture))];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Whatever_happens_upstream_answers_are_right_prompts_stay_and_usage_adds_up(int seed)
    {
        var timeline = new StormTimeline();
        StormUpstream[] upstreams = await Task.WhenAll(
            StormFleet.Places.Select(p => StormUpstream.StartAsync(p, timeline)));
        try
        {
            await RunAsync(seed, timeline, upstreams.ToDictionary(u => u.Place.Name));
        }
        finally
        {
            await Task.WhenAll(upstreams.Select(u => u.DisposeAsync().AsTask()));
        }
    }

    private async Task RunAsync(int seed, StormTimeline timeline, Dictionary<string, StormUpstream> upstreams)
    {
        string YamlOf(StormFleetVersion fleet) =>
            StormFleet.Yaml(fleet, Policies[seed % Policies.Length], name => upstreams[name].Port);

        await using StormGateway gateway = await StormGateway.StartAsync(
            YamlOf(StormFleetVersion.First), new RecordingLogs().CreateFactory());
        foreach (StormUpstream upstream in upstreams.Values)
        {
            upstream.OnBreak = gateway.Renew;
        }

        using var clients = new StormClients(gateway.Address, timeline);
        var script = new StormScript(seed, timeline, gateway, upstreams, YamlOf);
        Task load = clients.RunAsync(seed, Clients, QuestionsEach);
        await StormAsync(script, load, clients, () => clients.Calls.Count + upstreams.Values.Sum(u => u.Arrivals.Count));
        await load;
        await script.CalmAsync();
        await CalmAsync(clients);
        await Server.Eventually.TrueAsync(() => gateway.Held().Length == 0, () => "still held: " + gateway.Held());

        StormChecks checks = await StormChecks.OfAsync(gateway, timeline, clients, upstreams.Values);
        string story = $"seed {seed}: {string.Join(", ", script.Done)}\n{string.Join("\n", checks.Counts)}\n"
            + $"retries refused: {gateway.RetriesRefused}";
        output.WriteLine(story);
        Assert.True(checks.Wrong.Count == 0, $"{string.Join("\n", checks.Wrong.Take(20))}\n{checks.Wrong.Count} in all\n{story}");
        // A storm that moved nothing would prove nothing.
        Assert.True(script.Done.Values.Sum() >= 20, story);
        Assert.True(checks.Counts.GetValueOrDefault("Right gone on with") > 0, story);
        Assert.True(checks.Counts["attempts before the last"] > 20, story);
        Assert.True(checks.Counts["Right"] > Clients * QuestionsEach / 4, story);
    }

    /// <summary>Steps on as the load does.</summary>
    private static async Task StormAsync(StormScript script, Task load, StormClients clients, Func<int> happened)
    {
        using var look = new PeriodicTimer(Look, TimeProvider.System);
        int last = 0;
        long moved = TimeProvider.System.GetTimestamp();
        while (!load.IsCompleted)
        {
            int now = happened();
            moved = now == last ? moved : TimeProvider.System.GetTimestamp();
            last = now;
            bool asked = clients.Turns.CurrentCount == 0;
            if (asked || TimeProvider.System.GetElapsedTime(moved) >= Lull)
            {
                await script.StepAsync();
                clients.Turns.Release(asked ? QuestionsPerStep : 1);
                moved = TimeProvider.System.GetTimestamp();
            }

            await look.WaitForNextTickAsync();
        }
    }

    /// <summary>When all is back, all are served that may be.</summary>
    private static async Task CalmAsync(StormClients clients)
    {
        int number = 1_000_000;
        foreach (StormTenant tenant in StormFleet.Tenants)
        {
            foreach (string model in StormFleet.Models)
            {
                await clients.AskAsync(new StormQuestion(number++, tenant, model, Dialect.Anthropic, Stream: true));
                await clients.AskAsync(new StormQuestion(number++, tenant, model, Dialect.OpenAi, Stream: false));
            }
        }
    }
}
