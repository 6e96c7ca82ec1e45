using System.Collections.Immutable;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Execution;

namespace Forebay.FunctionalTests.Replicas;

/// <summary>The process ends here, as kill -9 ends it.</summary>
internal sealed class CrashedException() : Exception("crashed");

/// <summary>
/// Counts the moments before and after everything that a replica loop does outside of itself, and ends the process at one
/// of them: from then on it does nothing at all.
/// </summary>
internal sealed class CrashPoints(int at)
{
    private int _passed;

    public bool Crashed { get; private set; }

    public int Passed => Volatile.Read(ref _passed);

    public void Hit()
    {
        lock (this)
        {
            Crashed |= ++_passed == at;
            if (Crashed)
            {
                throw new CrashedException();
            }
        }
    }

    public async Task<T> AroundAsync<T>(Func<Task<T>> act)
    {
        Hit();
        T result = await act();
        Hit();
        return result;
    }
}

/// <summary>A store with crash points.</summary>
internal sealed class CrashingStore(IReplicaStore inner, Func<CrashPoints> points) : IReplicaStore
{
    public Task<IReadOnlyList<ReplicaState>> ListReplicasAsync(CancellationToken cancel) => inner.ListReplicasAsync(cancel);

    public Task SaveReplicasAsync(
        IReadOnlyCollection<ReplicaState> changed, IReadOnlyCollection<string> removed, CancellationToken cancel) =>
        points().AroundAsync(async () =>
        {
            await inner.SaveReplicasAsync(changed, removed, cancel);
            return true;
        });
}

/// <summary>An executor with crash points, whose works all answer at one address; it watches that no generation begins
/// while another runs.</summary>
internal sealed class CrashingExecutor(IExecutor inner, Uri engine, Func<CrashPoints> points) : IExecutor
{
    public string Kind => inner.Kind;

    public Task<WorkObservation> StartAsync(WorkSpec spec, CancellationToken cancel) =>
        points().AroundAsync(async () => At(await inner.StartAsync(spec, cancel))!);

    public async Task<WorkObservation?> ObserveAsync(string id, CancellationToken cancel) =>
        At(await inner.ObserveAsync(id, cancel));

    public async Task<IReadOnlyList<WorkObservation>> ListAsync(CancellationToken cancel) =>
        [.. (await inner.ListAsync(cancel)).Select(w => At(w)!)];

    public Task<WorkObservation> StopAsync(string id, long generation, TimeSpan grace, CancellationToken cancel) =>
        points().AroundAsync(async () => At(await inner.StopAsync(id, generation, grace, cancel))!);

    public Task<IReadOnlyList<string>> ReadLogAsync(string id, long? generation, int lines, CancellationToken cancel) =>
        inner.ReadLogAsync(id, generation, lines, cancel);

    public Task ForgetAsync(string id, CancellationToken cancel) => points().AroundAsync(async () =>
    {
        await inner.ForgetAsync(id, cancel);
        return true;
    });

    private WorkObservation? At(WorkObservation? work) => work is null ? null : work with
    {
        Endpoints = work.Endpoints.ToImmutableSortedDictionary(
            e => e.Key, _ => new WorkEndpoint(engine.Host, engine.Port), StringComparer.Ordinal),
    };
}
