using System.Collections.Immutable;
using Forebay.Core.Execution;

namespace Forebay.UnitTests.Control.Placement;

/// <summary>
/// An executor in memory that keeps the contract, and on which calls fail, hang or are refused and engines die by a
/// script. Works outlive whoever asked for them.
/// </summary>
/// <param name="engine">Where every engine answers.</param>
/// <param name="random">Draws what goes wrong.</param>
internal sealed class ScriptedExecutor(Uri engine, Random random) : IExecutor
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, WorkObservation> _works = new(StringComparer.Ordinal);
    private TaskCompletionSource _release = New();
    private int _hung;

    public string Kind => "scripted";

    /// <summary>Chance of a call, of 100, that it goes wrong.</summary>
    public int Trouble { get; set; }

    /// <summary>Told of each start that is asked for, before anything goes wrong with it.</summary>
    public Action<WorkSpec> Starting { get; set; } = static _ => { };

    /// <summary>Engines begun, over all works.</summary>
    public int Begun { get; private set; }

    /// <summary>Works whose engines run.</summary>
    public IReadOnlyList<string> Alive
    {
        get
        {
            lock (_lock)
            {
                return [.. _works.Values.Where(w => w.IsAlive).Select(w => w.Id)];
            }
        }
    }

    /// <summary>Calls that hang.</summary>
    public int Hung
    {
        get
        {
            lock (_lock)
            {
                return _hung;
            }
        }
    }

    public async Task<WorkObservation> StartAsync(WorkSpec spec, CancellationToken cancel)
    {
        Starting(spec);
        await GoWrongAsync(cancel);
        lock (_lock)
        {
            WorkObservation? known = _works.GetValueOrDefault(spec.Id);
            if (known?.Generation == spec.Generation)
            {
                return known;
            }

            if (known is { IsAlive: true } || known?.Generation > spec.Generation)
            {
                throw new WorkRefusedException($"generation {known.Generation} of {spec.Id} is there");
            }

            Begun++;
            return _works[spec.Id] = new WorkObservation(
                spec.Id, spec.Generation, WorkState.Running, "here",
                spec.Ports.ToImmutableSortedDictionary(p => p, _ => new WorkEndpoint(engine.Host, engine.Port)), 1, null);
        }
    }

    public Task<WorkObservation?> ObserveAsync(string id, CancellationToken cancel)
    {
        lock (_lock)
        {
            return Task.FromResult(_works.GetValueOrDefault(id));
        }
    }

    public Task<IReadOnlyList<WorkObservation>> ListAsync(CancellationToken cancel)
    {
        lock (_lock)
        {
            return Bad(Trouble)
                ? throw new ExecutorException("nobody answers")
                : Task.FromResult<IReadOnlyList<WorkObservation>>([.. _works.Values]);
        }
    }

    public async Task<WorkObservation> StopAsync(string id, long generation, TimeSpan grace, CancellationToken cancel)
    {
        await GoWrongAsync(cancel);
        lock (_lock)
        {
            WorkObservation known = _works[id];
            return known.Generation == generation && !Bad(Trouble) ? End(id, WorkExitKind.Stopped) : known;
        }
    }

    public Task<IReadOnlyList<string>> ReadLogAsync(string id, long? generation, int lines, CancellationToken cancel) =>
        Task.FromResult<IReadOnlyList<string>>([]);

    public Task ForgetAsync(string id, CancellationToken cancel)
    {
        lock (_lock)
        {
            if (_works.GetValueOrDefault(id) is { IsAlive: false })
            {
                _works.Remove(id);
            }
        }

        return Task.CompletedTask;
    }

    /// <summary>An engine ends by itself, if any runs.</summary>
    public void KillOne()
    {
        lock (_lock)
        {
            if (_works.Values.Where(w => w.IsAlive).ToArray() is { Length: > 0 } alive)
            {
                End(alive[random.Next(alive.Length)].Id, WorkExitKind.Lost);
            }
        }
    }

    /// <summary>Whatever hangs goes on.</summary>
    public void Release()
    {
        lock (_lock)
        {
            _release.SetResult();
            _release = New();
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private WorkObservation End(string id, WorkExitKind kind) =>
        _works[id] = _works[id] with { State = WorkState.Exited, Exit = new WorkExit(kind, null, "ended") };

    private async Task GoWrongAsync(CancellationToken cancel)
    {
        int what;
        lock (_lock)
        {
            what = Bad(Trouble) ? random.Next(3) : 3;
        }

        switch (what)
        {
            case 0:
                throw new ExecutorException("nobody answers");
            case 1:
                throw new WorkRefusedException("no such machine");
            case 2:
                await HangAsync(cancel);
                break;
        }
    }

    private async Task HangAsync(CancellationToken cancel)
    {
        Task release;
        lock (_lock)
        {
            release = _release.Task;
            _hung++;
        }

        try
        {
            await release.WaitAsync(cancel);
        }
        finally
        {
            lock (_lock)
            {
                _hung--;
            }
        }
    }

    private bool Bad(int chance) => random.Next(100) < chance;
}
