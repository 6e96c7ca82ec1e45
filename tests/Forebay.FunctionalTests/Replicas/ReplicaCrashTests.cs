using System.Diagnostics;
using Forebay.Core.Capacity.Replicas;
using Forebay.FunctionalTests.Executors;
using Forebay.FunctionalTests.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Forebay.FunctionalTests.Replicas;

/// <summary>
/// A replica's whole life, from planned to forgotten, with the process ended at each moment before and after each write,
/// start, stop and publication. Processes, files and the database are real; what answers as the engine is one server.
/// </summary>
public sealed class ReplicaCrashTests : IAsyncLifetime
{
    /// <summary>How long the engine sleeps: a number of this test alone, to know its processes by.</summary>
    private readonly string _mark = $"100000.{Random.Shared.Next(1_000_000, 9_999_999)}";
    private WebApplication _engine = null!;
    private WeightsServer _weights = null!;
    private CrashPoints _points = new(0);

    public async ValueTask InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(System.Net.IPAddress.Loopback, 0));
        _engine = builder.Build();
        _engine.Run(http => http.Response.WriteAsync("{}"));
        await _engine.StartAsync();
        _weights = await WeightsServer.StartAsync(10_000);
    }

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _weights.DisposeAsync();
    }

    [Fact]
    public async Task Ended_anywhere_it_goes_on_and_never_runs_twice()
    {
        int moments = await LiveAsync(0);
        Assert.InRange(moments, 20, 200);
        for (int at = 1; at <= moments; at++)
        {
            await LiveAsync(at);
        }
    }

    /// <summary>Lives a replica's life; the process ends once, at a moment.</summary>
    /// <returns>How many moments there were.</returns>
    private async Task<int> LiveAsync(int at)
    {
        _points = new CrashPoints(at);
        await using var rig = new ReplicaRig
        {
            AroundExecutor = e => new CrashingExecutor(e, new Uri(_engine.Urls.First()), () => _points),
            AroundStore = s => new CrashingStore(s, () => _points),
            Publish = (_, _) => _points.AroundAsync(() => Task.FromResult(true)),
        };
        rig.Options = rig.Options with
        {
            Settling = TimeSpan.Zero, Policy = rig.Options.Policy with { RetainMs = 0, MaxFailures = 1 },
        };
        await rig.OpenAsync();

        rig.Wanted = [Replica()];
        await UntilAsync(rig, at, () => rig.Loop.List() is [{ State.Phase: ReplicaPhase.Ready }]);
        Assert.Equal(1, Running());
        await RestartAsync(rig, at);
        await UntilAsync(rig, at, () => rig.Loop.List() is [{ State: { Phase: ReplicaPhase.Ready, Generation: 2 } }]);
        Assert.Equal(1, Running());
        rig.Wanted = [];
        await UntilAsync(rig, at, () => rig.Loop.List() is []);
        Assert.Equal(0, Running());
        Assert.Empty(await rig.Executor.ListAsync(default));
        return _points.Passed;
    }

    private async Task RestartAsync(ReplicaRig rig, int at)
    {
        try
        {
            await rig.Loop.RestartAsync("r1", default);
        }
        catch (CrashedException)
        {
            // Whether it was stored is not known; the operator asks again.
            await ReopenAsync(rig);
            if (rig.Loop.Find("r1").State.RestartGeneration == 0)
            {
                await RestartAsync(rig, at);
            }
        }
    }

    private async Task UntilAsync(ReplicaRig rig, int at, Func<bool> there) => await Eventually.TrueAsync(
        async () =>
        {
            try
            {
                await rig.Loop.PassAsync(default);
            }
            catch (CrashedException)
            {
                // The process is over.
            }

            Assert.True(Running() <= 1, $"Two generations run after the end at moment {at}.");
            if (_points.Crashed)
            {
                await ReopenAsync(rig);
            }

            return there();
        },
        () => $"ended at moment {at}: {string.Join(';', rig.Loop.List())}");

    private async Task ReopenAsync(ReplicaRig rig)
    {
        await rig.CloseAsync();
        _points = new CrashPoints(0);
        await rig.OpenAsync();
    }

    private ReplicaWanted Replica() => new()
    {
        Id = "r1",
        Model = "m",
        Version = "1",
        Pool = "p",
        Site = "s",
        Program = "sleep",
        Arguments = [_mark],
        Weights = [new ReplicaWeights("w", _weights.Spec(4_000, site: "s"))],
    };

    /// <summary>How many engines run, as the machine has it.</summary>
    private int Running() => Process.GetProcessesByName("sleep").Count(p =>
    {
        try
        {
            return File.ReadAllText($"/proc/{p.Id}/cmdline").Contains(_mark, StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    });
}
