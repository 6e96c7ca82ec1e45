using Forebay.Storage.Journal;
using Microsoft.Extensions.Logging;

namespace Forebay.Storage.Usage;

/// <summary>Folds at an interval and removes segments that are past retention.</summary>
internal sealed class FoldLoop : IAsyncDisposable
{
    private readonly UsageFolder _folder;
    private readonly UsageJournal _journal;
    private readonly SegmentRetention _retention;
    private readonly FoldLoopServices _services;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;
    private bool _failing;

    public FoldLoop(
        UsageFolder folder,
        UsageJournal journal,
        SegmentRetention retention,
        TimeSpan interval,
        FoldLoopServices services)
    {
        _folder = folder;
        _journal = journal;
        _retention = retention;
        _services = services;
        _loop = Task.Run(() => RunAsync(interval, _stop.Token));
    }

    /// <summary>Folds what the closed journal holds; a failure is logged, and the next start folds it.</summary>
    public Task FoldRestAsync() => FoldAsync(CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task RunAsync(TimeSpan interval, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(interval, _services.Time);
        while (await timer.WaitForNextTickAsync(stop).ConfigureAwait(false))
        {
            await FoldAsync(stop).ConfigureAwait(false);
        }
    }

    private async Task FoldAsync(CancellationToken cancel)
    {
        try
        {
            _ = await _folder.FoldAsync(_journal.Sync, cancel).ConfigureAwait(false);
            await _retention.RemoveAsync(_folder, cancel).ConfigureAwait(false);
            _services.Freshness.Now();
            _failing = false;
        }
        catch (Exception e) when (e is StorageException or IOException or UnauthorizedAccessException)
        {
            _services.Metrics.Failed();
            if (!_failing)
            {
                StorageLog.FoldFailed(_services.Logger, e);
            }

            _failing = true;
        }
    }
}

/// <summary>When the ledger was last up to date.</summary>
internal sealed class Freshness(TimeProvider time)
{
    private long _at = time.GetTimestamp();

    public double LagSeconds => time.GetElapsedTime(Volatile.Read(ref _at)).TotalSeconds;

    public void Now() => Volatile.Write(ref _at, time.GetTimestamp());
}

/// <summary>What the loop works with.</summary>
internal sealed record FoldLoopServices(TimeProvider Time, FoldMetrics Metrics, ILogger Logger, Freshness Freshness);
