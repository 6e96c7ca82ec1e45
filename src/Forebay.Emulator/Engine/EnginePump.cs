using Forebay.Core.Serving.Engine;
using Forebay.Core.Time;

namespace Forebay.Emulator.Engine;

/// <summary>
/// Drives one engine model in real time: one lock, one timer. The timer is set to whichever comes first, the engine's
/// next event or the next time that streams are fed, at most once in five milliseconds. Cost: O(streams) per feeding.
/// </summary>
internal sealed class EnginePump : IDisposable
{
    private const long FlushNs = 5 * Instant.NsPerMs;

    private readonly Lock _lock = new();
    private readonly EngineModel _engine;
    private readonly ModelClock _clock;
    private readonly ITimer _timer;
    private readonly Dictionary<long, Generation> _live = [];
    private readonly List<EngineEvent> _events = [];
    private readonly EngineMetrics _metrics = new();
    private int _streams;
    private int _load;
    private long _fedNs = long.MinValue / 2;
    private Exception? _broken;

    public EnginePump(EngineParameters parameters, ModelClock clock)
    {
        _engine = new EngineModel(parameters);
        _clock = clock;
        _timer = clock.Time.CreateTimer(
            static state => ((EnginePump)state!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Requests in the engine.</summary>
    public int Load => Volatile.Read(ref _load);

    /// <exception cref="ArgumentException">The engine cannot take it: longer than its context window.</exception>
    public void Submit(Generation generation)
    {
        lock (_lock)
        {
            if (_broken is not null)
            {
                throw new InvalidOperationException("The engine has stopped.", _broken);
            }

            Instant now = _clock.Now;
            generation.SubmittedNs = now.MonotonicNs;
            generation.Pump = this;
            _engine.Submit(
                new EngineRequest(
                    generation.Id, generation.PromptTokens, generation.OutputTokens, generation.PrefixHashes),
                now);
            _live.Add(generation.Id, generation);
            _streams += generation.Streams ? 1 : 0;
            Volatile.Write(ref _load, _live.Count);
            Arm(now);
        }
    }

    /// <summary>Ends a request at once; nothing happens when it has ended already.</summary>
    public void Cancel(Generation generation)
    {
        lock (_lock)
        {
            if (_broken is null && _live.ContainsKey(generation.Id))
            {
                Instant now = _clock.Now;
                if (_engine.Cancel(generation.Id, now))
                {
                    _metrics.Cancelled();
                    Forget(generation);
                    generation.Fail(new OperationCanceledException("The request was cancelled."));
                }

                Arm(now);
            }
        }
    }

    /// <summary>Reads counters and histograms under the engine's lock.</summary>
    public void Read(Action<EngineCounters, EngineMetrics> reader)
    {
        lock (_lock)
        {
            if (_broken is null)
            {
                Handle(_clock.Now);
            }

            reader(_engine.Counters, _metrics);
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Tick()
    {
        lock (_lock)
        {
            if (_broken is not null)
            {
                return;
            }

            try
            {
                Instant now = _clock.Now;
                Handle(now);
                Feed(now);
                Arm(now);
            }
            catch (InvalidOperationException e)
            {
                // The engine's own checks failed: its answers mean nothing any more, so none is given.
                _broken = e;
                foreach (Generation generation in _live.Values)
                {
                    generation.Fail(e);
                }
            }
        }
    }

    private void Handle(Instant now)
    {
        _engine.Advance(now, _events);
        foreach (EngineEvent happened in _events)
        {
            if (!_live.TryGetValue(happened.Id, out Generation? generation))
            {
                continue;
            }

            if (happened.Kind == EngineEventKind.FirstToken)
            {
                generation.CachedTokens = happened.CachedTokens;
                generation.FirstTokenNs = happened.AtNs;
                _metrics.FirstToken(happened, generation.SubmittedNs);
            }
            else if (happened.Kind == EngineEventKind.Finished)
            {
                _metrics.Finished(happened, generation);
                Forget(generation);
                generation.Report(happened.Tokens, ended: true);
            }
        }

        _events.Clear();
    }

    private void Feed(Instant now)
    {
        if (_streams > 0)
        {
            _fedNs = now.MonotonicNs;
            foreach (Generation generation in _live.Values)
            {
                if (generation.Streams)
                {
                    generation.Report(_engine.TokensBy(generation.Id, now), ended: false);
                }
            }
        }
    }

    private void Arm(Instant now)
    {
        long nextNs = _engine.NextEventNs;
        if (_streams > 0)
        {
            nextNs = Math.Min(nextNs, Math.Max(_engine.NextStepNs(now), _fedNs + _clock.ToModelNs(FlushNs)));
        }

        _timer.Change(
            nextNs == long.MaxValue ? Timeout.InfiniteTimeSpan : _clock.RealUntil(nextNs, now),
            Timeout.InfiniteTimeSpan);
    }

    private void Forget(Generation generation)
    {
        _live.Remove(generation.Id);
        _streams -= generation.Streams ? 1 : 0;
        Volatile.Write(ref _load, _live.Count);
    }
}
