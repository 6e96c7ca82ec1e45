using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.UnitTests.Control.Placement;

/// <summary>Placement, leases, replicas and engines together, while everything around them goes wrong.</summary>
public sealed class PlacementLoopTests : IAsyncLifetime
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(700);

    private ScriptedUpstream _engine = null!;

    public async ValueTask InitializeAsync() => _engine = await ScriptedUpstream.StartAsync(
        static (http, _) => ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public async Task Whatever_fails_no_engine_runs_without_its_lease_and_all_come_back_when_it_ends(int seed)
    {
        var random = new Random(seed);
        await using var room = new PlacementRoom(new ScriptedExecutor(_engine.Address, new Random(seed + 1000)));
        int minimum = 3;
        await room.BeginAsync(minimum);
        await SupplyAsync(room, 32, 32);
        for (int round = 0; round < 150; round++)
        {
            room.Executor.Trouble = round % 30 < 20 ? 25 : 0;
            switch (random.Next(12))
            {
                case 0:
                    await room.SupplyAsync(PlacementRoom.Pools[random.Next(2)], 8 * random.Next(5));
                    break;
                case 1:
                    room.Want(minimum = random.Next(6));
                    break;
                case 2:
                    room.Executor.KillOne();
                    break;
                case 3 or 4:
                    room.Executor.Release();
                    break;
                case 5:
                    room.Executor.Release();
                    await room.EndAsync();
                    await room.BeginAsync(minimum);
                    break;
            }

            await room.PassAsync(Step * random.Next(1, 5));
            Assert.True(room.Wrong.Count == 0, $"seed {seed}, round {round}: {string.Join('\n', room.Wrong)}\n{room}");
        }

        room.Executor.Trouble = 0;
        room.Executor.Release();
        await SupplyAsync(room, 32, 32);
        room.Want(4);
        for (int round = 0; round < 300 && !room.IsAtRest(4); round++)
        {
            await room.PassAsync(Step);
        }

        Assert.True(room.IsAtRest(4), $"seed {seed}:\n{room}");
        Assert.Empty(room.Wrong);
        Assert.True(room.Executor.Begun > 10);
    }

    [Fact]
    public async Task What_placement_wants_waits_while_the_ledger_gives_no_lease_and_starts_once_it_does()
    {
        await using var room = new PlacementRoom(new ScriptedExecutor(_engine.Address, new Random(1)));
        await room.BeginAsync(minimum: 3);
        await SupplyAsync(room, 8, 8);
        await RunAsync(room, rounds: 20);
        Assert.True(room.IsAtRest(2), $"{room}");

        await SupplyAsync(room, 16, 8);
        await RunAsync(room, rounds: 20);
        Assert.True(room.IsAtRest(3), $"{room}");

        await SupplyAsync(room, 0, 8);
        await RunAsync(room, rounds: 30);
        Assert.True(room.IsAtRest(1), $"{room}");
        Assert.Empty(room.Wrong);
    }

    [Fact]
    public async Task An_engine_that_was_ordered_waits_when_its_lease_is_gone()
    {
        await using var room = new PlacementRoom(new ScriptedExecutor(_engine.Address, new Random(3)));
        await room.BeginAsync(minimum: 1);
        await SupplyAsync(room, 8, 0);
        await room.PassAsync(Step);
        Assert.Single(room.Replicas);

        // It was ordered, and is on its way to its start; placement has not seen yet that its accelerators are gone.
        await room.SupplyAsync("east", 0);
        for (int i = 0; i < 10; i++)
        {
            await room.LookAsync(Step);
        }

        Assert.Equal(0, room.Executor.Begun);
        await room.SupplyAsync("east", 8);
        await RunAsync(room, rounds: 30);
        Assert.True(room.IsAtRest(1), $"{room}");
        Assert.Empty(room.Wrong);
    }

    [Fact]
    public async Task A_lease_is_kept_while_the_stop_of_its_engine_hangs()
    {
        await using var room = new PlacementRoom(new ScriptedExecutor(_engine.Address, new Random(2)));
        await room.BeginAsync(minimum: 2);
        await SupplyAsync(room, 16, 0);
        await RunAsync(room, rounds: 20);
        Assert.True(room.IsAtRest(2), $"{room}");

        // No stop is confirmed: every one fails, hangs or does nothing.
        room.Executor.Trouble = 100;
        room.Want(0);
        await RunAsync(room, rounds: 30);
        Assert.Equal(2, room.Executor.Alive.Count);
        Assert.Empty(room.Wrong);

        room.Executor.Trouble = 0;
        room.Executor.Release();
        await RunAsync(room, rounds: 60);
        Assert.True(room.IsAtRest(0), $"{room}");
    }

    private static async Task RunAsync(PlacementRoom room, int rounds)
    {
        for (int i = 0; i < rounds; i++)
        {
            await room.PassAsync(Step);
        }
    }

    private static async Task SupplyAsync(PlacementRoom room, long east, long west)
    {
        await room.SupplyAsync("east", east);
        await room.SupplyAsync("west", west);
    }
}
