using Forebay.Core.Time;
using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Replay;

/// <summary>
/// Replays a trace against a server, open loop: every request leaves when the trace says, whatever became of those
/// before it. That is how users behave, and a server that slows down cannot slow its own load down.
/// </summary>
/// <remarks>
/// One task walks the schedule; each request runs on its own from there. Memory grows with the requests in flight only.
/// The client and the clock are the caller's.
/// </remarks>
public sealed class ReplayRun
{
    private readonly ReplayOptions _options;
    private readonly TimeProvider _time;
    private readonly ReplaySender _sender;
    private readonly ReplayTally _tally = new();
    private readonly TaskCompletionSource _allEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Requests in flight, and one for the schedule while it lasts.</summary>
    private int _open = 1;

    /// <param name="options">What to send and where.</param>
    /// <param name="http">A client without a timeout of its own and with no bound on connections.</param>
    /// <param name="time">The clock that paces and measures.</param>
    public ReplayRun(ReplayOptions options, HttpClient http, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Speed);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxInFlight, 1);
        _options = options;
        _time = time;
        _sender = new ReplaySender(options, http, time);
    }

    /// <summary>How far the run has come; safe to call at any time.</summary>
    public ReplayProgress Progress => _tally.Progress();

    /// <summary>
    /// Sends the whole trace and waits for the answers. A cancelled token stops both at once; the report then tells of
    /// what was sent until then. One call a run.
    /// </summary>
    /// <param name="trace">Requests in order of arrival.</param>
    /// <param name="summary">What the trace holds, for the report.</param>
    /// <param name="version">Version of Forebay, for the report.</param>
    /// <param name="cancel">Stops the run early.</param>
    public async Task<ReplayReport> ExecuteAsync(
        IEnumerable<TraceRequest> trace, TraceSummary summary, string version, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(trace);
        DateTimeOffset startedAt = _time.GetUtcNow();
        Instant start = Instant.From(_time);
        bool stopped = false;
        try
        {
            await FollowScheduleAsync(trace, start, cancel).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            stopped = true;
        }

        Close();
        await _allEnded.Task.ConfigureAwait(false);
        return _tally.Fill(new ReplayReport
        {
            Version = version,
            StartedAt = startedAt,
            Url = _options.BaseUrl,
            Trace = summary,
            Speed = _options.Speed,
            Seed = _options.Seed,
            Dialect = _options.Dialect.ToString().ToLowerInvariant(),
            Models = [.. _options.Models.Ids],
            WallSeconds = Instant.From(_time).MsSince(start) / 1000,
            Stopped = stopped || cancel.IsCancellationRequested,
        });
    }

    private async Task FollowScheduleAsync(IEnumerable<TraceRequest> trace, Instant start, CancellationToken cancel)
    {
        ulong number = 0;
        foreach (TraceRequest request in trace)
        {
            double dueMs = request.ArrivalSeconds / _options.Speed * 1000;
            double aheadMs = dueMs - Instant.From(_time).MsSince(start);
            if (aheadMs > 0)
            {
                // Timers count whole milliseconds and cut the rest; rounded up, no request leaves early.
                await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(aheadMs)), _time, cancel)
                    .ConfigureAwait(false);
            }

            cancel.ThrowIfCancellationRequested();
            bool admitted = Volatile.Read(ref _open) <= _options.MaxInFlight;
            _tally.Due(request, admitted);
            if (admitted)
            {
                Interlocked.Increment(ref _open);
                _ = SendAsync(request, number, start, dueMs, cancel);
            }

            number++;
        }
    }

    private async Task SendAsync(
        TraceRequest request, ulong number, Instant start, double dueMs, CancellationToken stop)
    {
        // Leaves the schedule's thread before composing and connecting, so that no request delays the next.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            _tally.Sent(Math.Max(0, Instant.From(_time).MsSince(start) - dueMs));
            _tally.Ended(await _sender.SendAsync(request, number, stop).ConfigureAwait(false));
        }
        catch (Exception e)
        {
            // What servers and networks do is an outcome; what comes here is a defect, and fails the run.
            _allEnded.TrySetException(e);
        }

        Close();
    }

    private void Close()
    {
        if (Interlocked.Decrement(ref _open) == 0)
        {
            _allEnded.TrySetResult();
        }
    }
}
