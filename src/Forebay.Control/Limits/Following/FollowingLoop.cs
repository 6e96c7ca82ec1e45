namespace Forebay.Control.Limits.Following;

/// <summary>Steps the controller at its interval, and brings limits to each hour and announcement on time.</summary>
public sealed class FollowingLoop : IAsyncDisposable
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(10);

    private readonly LimitFollowing _following;
    private readonly TimeProvider _time;
    private readonly TimeProvider _contractTime;
    private readonly double _speed;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    /// <param name="following">What it steps.</param>
    /// <param name="time">The machine's clock, which it waits by.</param>
    /// <param name="contractTime">The clock that limits go by; the machine's where it is null.</param>
    /// <param name="speed">Seconds of that clock in one of the machine's.</param>
    public FollowingLoop(
        LimitFollowing following, TimeProvider time, TimeProvider? contractTime = null, double speed = 1)
    {
        _following = following;
        _time = time;
        _contractTime = contractTime ?? time;
        _speed = speed;
        _loop = Task.Run(() => RunAsync(_stop.Token));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
        _following.Dispose();
    }

    private async Task RunAsync(CancellationToken stop)
    {
        DateTimeOffset looked = _time.GetUtcNow();
        while (true)
        {
            DateTimeOffset? due = _following.PutInForce();
            var interval = TimeSpan.FromSeconds(_following.Rules.IntervalSeconds);
            DateTimeOffset now = _time.GetUtcNow();

            // A decision made meanwhile may announce something sooner: nothing is waited for longer than a second.
            TimeSpan wait = TimeSpan.FromSeconds(1);
            TimeSpan? until = (due - _contractTime.GetUtcNow()) / _speed;
            wait = until < wait ? until.Value : wait;
            await Task.Delay(wait > Shortest ? wait : Shortest, _time, stop).ConfigureAwait(false);
            now = _time.GetUtcNow();
            if (_following.Rules.Mode != Core.Limits.Following.FollowMode.Off
                && (now - looked >= interval || now < looked))
            {
                looked = now;
                await _following.StepAsync(stop).ConfigureAwait(false);
            }
        }
    }
}
