using Forebay.Core.Limits.Following;

namespace Forebay.TestKit.Memory;

/// <summary>Usage by minute in memory.</summary>
public sealed class MemoryDemand : IDemandHistory
{
    /// <summary>What was used, in order of minutes.</summary>
    public List<DemandMinute> Minutes { get; } = [];

    public Task<long?> FirstMinuteAsync(CancellationToken cancel) =>
        Task.FromResult<long?>(Minutes.Count == 0 ? null : Minutes.Min(m => m.Minute));

    public Task ReadAsync(long fromMinute, long toMinute, Action<DemandMinute> each, CancellationToken cancel)
    {
        foreach (DemandMinute one in Minutes.Where(m => m.Minute >= fromMinute && m.Minute < toMinute))
        {
            each(one);
        }

        return Task.CompletedTask;
    }
}
