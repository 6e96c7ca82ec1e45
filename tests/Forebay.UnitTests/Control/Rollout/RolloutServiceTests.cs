using Forebay.Control.Audit;
using Forebay.Control.Rollout;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Rollout;
using Forebay.TestKit.Fleets;
using Forebay.TestKit.Memory;
using Forebay.TestKit.Time;
using Forebay.UnitTests.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.UnitTests.Control.Rollout;

public sealed class RolloutServiceTests
{
    private readonly ManualTime _time = new();

    /// <summary>A process over a store: nothing of the one before but what was stored.</summary>
    private async Task<RolloutService> StartAsync(IRolloutStore store)
    {
        var fleet = new FleetState();
        var endpoint = new Uri("http://127.0.0.1:9");
        fleet.Model = FleetModel.Build(
            SmallFleet.Config with
            {
                Deployments =
                [
                    SmallFleet.Config.Deployments[0] with { ModelVersion = "1" },
                    SmallFleet.Config.Deployments[0] with { Id = "deep-new", ModelVersion = "2" },
                ],
            },
            new Dictionary<string, Uri> { ["deep-real"] = endpoint, ["deep-new"] = endpoint });
        var service = new RolloutService(
            fleet, store, new AuditedChange(new MemoryAuditLog(), _time, NullLogger<AuditedChange>.Instance), _time,
            NullLogger<RolloutService>.Instance);
        await service.LoadAsync(default);
        if (service.Last("deep") is null)
        {
            await service.StartAsync(
                fleet.Model.FindModel("deep")!, new RolloutAsked("2", "1", [0.5, 1], 60, 40), "test");
        }

        return service;
    }

    private static void Answer(RolloutService service, int answers)
    {
        for (int i = 0; i < answers; i++)
        {
            service.TallyOf("deep")!.Of("north").New.AddServed(100, 10);
            service.TallyOf("deep")!.Of("north").Old.AddServed(100, 10);
        }
    }

    /// <summary>Half the answers and half the time before the process is killed, half after: the step goes on.</summary>
    [Fact]
    public async Task A_killed_process_forgets_neither_answers_nor_the_time_of_the_step()
    {
        var store = new MemoryRolloutStore();
        using (RolloutService first = await StartAsync(store))
        {
            Answer(first, 20);
            for (int second = 0; second < 30; second++)
            {
                _time.Advance(TimeSpan.FromSeconds(1));
            }
        }

        int looks = (await store.ListRolloutsAsync(default))[0].Looks;
        Assert.True(looks > 0);
        _time.Advance(TimeSpan.FromHours(5));
        using RolloutService next = await StartAsync(store);
        VersionArm arm = next.TallyOf("deep")!.Of("north").New;
        Assert.Equal((20L, 20L), (arm.Served, arm.FirstToken.ToArray().Sum()));
        Assert.Equal(0, next.Last("deep")!.Step);

        Answer(next, 20);
        for (int second = 0; second < 25; second++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal((0, RolloutPhase.Running), (next.Last("deep")!.Step, next.Last("deep")!.Phase));
        for (int second = 0; second < 20; second++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(1, next.Last("deep")!.Step);
        Assert.StartsWith("40 answers of 2 seen", next.Last("deep")!.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Counts_are_read_back_as_they_were()
    {
        using var folder = new TempFolder();
        var tally = new VersionTally();
        tally.Of("north").New.AddServed(100, 10);
        tally.Of("north").Old.AddFailed();
        tally.Of("south").Old.AddServed(-1, 1e9);
        await using (OpenStore open = await OpenStore.OpenAsync(folder.Path))
        {
            using RolloutService service = await StartAsync(open.Store.Rollouts);
            await open.Store.Rollouts.SaveCountsAsync(new RolloutCounts(1, 5, new RolloutMark(1, 2, 3), []), default);
            await open.Store.Rollouts.SaveCountsAsync(
                new RolloutCounts(1, 6, new RolloutMark(4, 5, 6), tally.Read()), default);
        }

        await using OpenStore again = await OpenStore.OpenAsync(folder.Path);
        RolloutCounts read = Assert.Single(await again.Store.Rollouts.ListCountsAsync(default));
        Assert.Equal((1L, 6L, new RolloutMark(4, 5, 6)), (read.Rollout, read.AtUnixMs, read.Mark));
        Assert.Equal(
            tally.Read().Select(a => (a.Provider, a.IsNew, a.Served, a.Failed, string.Join(' ', a.FirstToken),
                string.Join(' ', a.OutputToken))),
            VersionTally.From(read.Arms).Read().Select(a => (a.Provider, a.IsNew, a.Served, a.Failed,
                string.Join(' ', a.FirstToken), string.Join(' ', a.OutputToken))));
    }
}
