using System.Collections.Concurrent;

namespace Forebay.Demo;

/// <summary>How many requests wait, looked at every now and then.</summary>
internal sealed class QueueSamples : IAsyncDisposable
{
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentQueue<(long At, int Waiting)> _seen = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly TimeProvider _time;
    private readonly Task _looking;

    public QueueSamples(Func<int> waiting, TimeProvider time)
    {
        _time = time;
        _looking = LookAsync(waiting);
    }

    /// <summary>The mean of the last while; 0 where nothing was seen.</summary>
    public double Mean(TimeSpan last) => _seen.Where(s => _time.GetElapsedTime(s.At) <= last)
        .Select(s => (double)s.Waiting).DefaultIfEmpty(0).Average();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _looking.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task LookAsync(Func<int> waiting)
    {
        while (true)
        {
            _seen.Enqueue((_time.GetTimestamp(), waiting()));
            await Task.Delay(Every, _time, _stop.Token);
        }
    }
}
