using Forebay.Core.Serving.Rollout;

namespace Forebay.TestKit.Memory;

/// <summary>Rollouts in memory; a write can be made to fail.</summary>
public sealed class MemoryRolloutStore : IRolloutStore
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<long, ModelRollout> _rollouts = [];
    private readonly SortedDictionary<long, RolloutCounts> _counts = [];

    /// <summary>Thrown by the next writes while set.</summary>
    public Exception? WriteFailure { get; set; }

    public Task<IReadOnlyList<ModelRollout>> ListRolloutsAsync(CancellationToken cancel)
    {
        lock (_lock)
        {
            return Task.FromResult<IReadOnlyList<ModelRollout>>([.. _rollouts.Values]);
        }
    }

    public Task<IReadOnlyList<RolloutCounts>> ListCountsAsync(CancellationToken cancel)
    {
        lock (_lock)
        {
            return Task.FromResult<IReadOnlyList<RolloutCounts>>([.. _counts.Values]);
        }
    }

    public Task SaveCountsAsync(RolloutCounts counts, CancellationToken cancel)
    {
        if (WriteFailure is { } failure)
        {
            return Task.FromException(failure);
        }

        lock (_lock)
        {
            _counts[counts.Rollout] = counts;
        }

        return Task.CompletedTask;
    }

    public Task SaveRolloutAsync(ModelRollout rollout, CancellationToken cancel)
    {
        if (WriteFailure is { } failure)
        {
            return Task.FromException(failure);
        }

        lock (_lock)
        {
            _rollouts[rollout.Id] = rollout;
        }

        return Task.CompletedTask;
    }
}
