using Forebay.Core.Time;
using Forebay.Simulation.Replay.Reports;
using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Replay;

/// <summary>
/// Replays a trace against a server, open loop: every conversation begins when the trace says, whatever became of those
/// before it. That is how users behave, and a server that slows down cannot slow its own load down. Within a
/// conversation a turn waits for the answer before it, as people and programs do.
/// </summary>
/// <remarks>
/// One task walks the schedule; each conversation runs on its own from there. Memory grows with the conversations under
/// way only. The client and the clock are the caller's.
/// </remarks>
public sealed class ReplayRun
{
    private readonly ReplayOptions _options;
    private readonly TimeProvider _time;
    private readonly ReplaySender _sender;
    private readonly ReplayTally _tally = new();
    private readonly TaskCompletionSource _allEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Conversations under way, and one for the schedule while it lasts.</summary>
    private int _open = 1;

    /// <summary>Requests waiting for their answer.</summary>
    private int _inFlight;

    private Instant _start;

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

    private double NowMs => Instant.From(_time).MsSince(_start);

    /// <summary>
    /// Sends the whole trace and waits for the answers. A cancelled token stops both at once; the report then tells of
    /// what was sent until then. One call a run.
    /// </summary>
    /// <param name="trace">Requests in order of arrival, with their later turns.</param>
    /// <param name="summary">What the trace holds, for the report.</param>
    /// <param name="origin">Who measures, for the report.</param>
    /// <param name="cancel">Stops the run early.</param>
    public async Task<ReplayReport> ExecuteAsync(
        IEnumerable<TraceRequest> trace, TraceSummary summary, ReplayOrigin origin, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(trace);
        DateTimeOffset startedAt = _time.GetUtcNow();
        _start = Instant.From(_time);
        bool stopped = false;
        try
        {
            await FollowScheduleAsync(trace, cancel).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            stopped = true;
        }

        Close();
        await _allEnded.Task.ConfigureAwait(false);
        return _tally.Fill(new ReplayReport
        {
            Origin = origin,
            StartedAt = startedAt,
            Url = _options.BaseUrl,
            Trace = summary,
            Speed = _options.Speed,
            Seed = _options.Seed,
            Dialect = _options.Dialect.ToString().ToLowerInvariant(),
            Models = [.. _options.Models.Ids],
            WallSeconds = NowMs / 1000,
            Stopped = stopped || cancel.IsCancellationRequested,
        });
    }

    private async Task FollowScheduleAsync(IEnumerable<TraceRequest> trace, CancellationToken cancel)
    {
        ulong number = 0;
        foreach (TraceRequest request in trace)
        {
            double dueMs = ScheduleMs(request.ArrivalSeconds);
            await WaitUntilAsync(dueMs, cancel).ConfigureAwait(false);
            if (Admit(request))
            {
                Interlocked.Increment(ref _open);
                _ = ConverseAsync(request, number, dueMs, cancel);
            }
            else
            {
                _tally.Abandoned(request.LaterTurns.Length);
            }

            number++;
        }
    }

    /// <summary>Counts a request that came due, in flight unless too many are.</summary>
    private bool Admit(TraceRequest request)
    {
        bool admitted = Interlocked.Increment(ref _inFlight) <= _options.MaxInFlight;
        if (!admitted)
        {
            Interlocked.Decrement(ref _inFlight);
        }

        _tally.Due(request, admitted);
        return admitted;
    }

    private async Task ConverseAsync(TraceRequest first, ulong number, double dueMs, CancellationToken stop)
    {
        // Leaves the schedule's thread before composing and connecting, so that no request delays the next.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            var conversation = new ReplayConversation(_options, first, number);
            bool goesOn = await SendAsync(first, conversation, dueMs, stop).ConfigureAwait(false);
            foreach (TraceRequest turn in first.LaterTurns)
            {
                if (goesOn)
                {
                    dueMs = Math.Max(ScheduleMs(turn.ArrivalSeconds), NowMs + ScheduleMs(turn.ThinkSeconds));
                    await WaitUntilAsync(dueMs, stop).ConfigureAwait(false);
                    goesOn = Admit(turn) && await SendAsync(turn, conversation, dueMs, stop).ConfigureAwait(false);
                }
                else
                {
                    _tally.Abandoned(1);
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Stopped between turns: the report says that the run was stopped.
        }
        catch (Exception e)
        {
            // What servers and networks do is an outcome; what comes here is a defect, and fails the run.
            _allEnded.TrySetException(e);
        }

        Close();
    }

    /// <summary>Sends a turn that was admitted; false when its conversation cannot go on after it.</summary>
    private async Task<bool> SendAsync(
        TraceRequest turn, ReplayConversation conversation, double dueMs, CancellationToken stop)
    {
        bool started = false;
        try
        {
            conversation.Begin(turn);
            double sentMs = NowMs;
            _tally.Sent(Math.Max(0, sentMs - dueMs), sentMs / 1000);
            ReplayOutcome outcome = await _sender.SendAsync(turn, conversation, FirstPiece, stop).ConfigureAwait(false);
            _tally.Ended(outcome, started, NowMs / 1000);
            return outcome.End == ReplayEnd.Succeeded;
        }
        finally
        {
            Interlocked.Decrement(ref _inFlight);
        }

        void FirstPiece()
        {
            started = true;
            _tally.Started(NowMs / 1000);
        }
    }

    private double ScheduleMs(double traceSeconds) => traceSeconds / _options.Speed * 1000;

    private async Task WaitUntilAsync(double dueMs, CancellationToken cancel)
    {
        double aheadMs = dueMs - NowMs;
        if (aheadMs > 0)
        {
            // Timers count whole milliseconds and cut the rest; rounded up, no request leaves early.
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(aheadMs)), _time, cancel).ConfigureAwait(false);
        }

        cancel.ThrowIfCancellationRequested();
    }

    private void Close()
    {
        if (Interlocked.Decrement(ref _open) == 0)
        {
            _allEnded.TrySetResult();
        }
    }
}
