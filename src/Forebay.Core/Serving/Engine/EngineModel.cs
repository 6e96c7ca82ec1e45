using Forebay.Core.Time;

namespace Forebay.Core.Serving.Engine;

/// <summary>
/// One replica of an inference engine: continuous batching with chunked prefill, paged KV memory, preemption by
/// recomputation and a prefix cache. It jumps from event to event: a run of steps of one composition is one event, its
/// length and the tokens done by any time are closed forms. Not safe for concurrent callers; reads no clock.
/// </summary>
/// <remarks>
/// Each step computes one token for every decoding sequence, then prompt tokens in order of arrival up to
/// <see cref="EngineParameters.MaxTokensPerStep"/>. A request is admitted when the blocks of its whole prompt are free
/// beyond a small reserve; a step that finds no block preempts the youngest sequence. Cost: O(log n) per event for n
/// live requests, plus O(blocks of the prompt) once when a request is admitted and once when it ends; nothing per
/// token.
/// </remarks>
public sealed partial class EngineModel
{
    /// <summary>Bounds a run so that its time fits in 64 bits of picoseconds.</summary>
    private const int MaxStepsPerRun = 4096;

    private readonly EngineParameters _p;
    private readonly SequenceTable _sequences = new();
    private readonly DecodeBatch _decode = new();
    private readonly PrefixCache _cache = new();
    private readonly List<(int Slot, int Tokens)> _chunks = [];
    private readonly List<EngineEvent> _pending = [];
    private StepRun _run;
    private int _leftoverTokens;
    private int _privateBlocks;
    private long _submitted;
    private long _finished;
    private long _cancelled;
    private long _preemptions;
    private long _promptTokens;
    private long _generated;
    private long _prefixQueried;
    private long _prefixHit;

    /// <exception cref="ArgumentException">The parameters are out of range.</exception>
    public EngineModel(EngineParameters parameters)
    {
        parameters.Validate();
        _p = parameters;
    }

    public EngineParameters Parameters => _p;

    /// <summary>Live requests, running and waiting.</summary>
    public int Live => _sequences.Count;

    /// <summary>
    /// When something next happens of itself, on the monotonic clock; <see cref="long.MaxValue"/> when nothing will.
    /// Advancing earlier is allowed, later too: events carry their own times.
    /// </summary>
    public long NextEventNs
    {
        get
        {
            EnsurePlanned();
            return _run.Steps > 0 ? _run.EndNs(_run.Steps) : long.MaxValue;
        }
    }

    /// <summary>What the engine holds and has done up to the last time it was told of.</summary>
    public EngineCounters Counters
    {
        get
        {
            EnsurePlanned();
            return new EngineCounters(
                Running,
                _sequences.CountOf(SequencePhase.Waiting),
                UsedBlocks,
                _cache.Reusable,
                _p.KvBlocks,
                _submitted,
                _finished,
                _cancelled,
                _preemptions,
                _promptTokens,
                _generated,
                _prefixQueried,
                _prefixHit);
        }
    }

    private int Running => _decode.Count + _sequences.CountOf(SequencePhase.Prefilling);

    private int UsedBlocks => _privateBlocks + _cache.Held;

    private int FreeBlocks => _p.KvBlocks - UsedBlocks;

    /// <summary>Takes a request in.</summary>
    /// <exception cref="ArgumentException">It is longer than the context window, empty, or its id is taken.</exception>
    public void Submit(in EngineRequest request, Instant now)
    {
        Check(request);
        AdvanceTo(now.MonotonicNs);
        bool first = _sequences.CountOf(SequencePhase.Waiting) == 0;
        if (_sequences.Count == 0 && _run.Steps == 0)
        {
            _run.StartNs = Math.Max(_run.StartNs, now.MonotonicNs);
            _run.StartPs = _run.StartNs == now.MonotonicNs ? 0 : _run.StartPs;
        }

        int slot = _sequences.Add(request, now.MonotonicNs);
        _submitted++;
        if (first && _leftoverTokens > 0 && Running < _p.MaxSequences && CouldFit(slot))
        {
            EndRunSoon(now.MonotonicNs);
        }
    }

    /// <summary>Ends a request wherever it is and frees its blocks; the step under way lasts as long as planned.
    /// </summary>
    /// <returns>False when there is no such request: it finished, was cancelled or never came.</returns>
    public bool Cancel(long id, Instant now)
    {
        AdvanceTo(now.MonotonicNs);
        if (!_sequences.TryFind(id, out int slot))
        {
            return false;
        }

        if (_sequences[slot].Phase != SequencePhase.Waiting)
        {
            SettleTo(now.MonotonicNs);
            Leave(slot);
        }
        else if (_sequences.First(SequencePhase.Waiting) == slot)
        {
            EndRunSoon(now.MonotonicNs);
        }

        _sequences.Remove(slot);
        _cancelled++;
        CheckInvariants();
        return true;
    }

    /// <summary>Moves the engine to a time and appends what happened since to <paramref name="events"/>, in order.
    /// A time before the last one changes nothing.</summary>
    public void Advance(Instant now, List<EngineEvent> events)
    {
        AdvanceTo(now.MonotonicNs);
        events.AddRange(_pending);
        _pending.Clear();
    }

    /// <summary>Tokens that a live request has produced by a time.</summary>
    /// <exception cref="KeyNotFoundException">There is no such request any more: its events say why.</exception>
    public int TokensBy(long id, Instant now)
    {
        AdvanceTo(now.MonotonicNs);
        ref Sequence sequence = ref Find(id);
        return sequence.Phase == SequencePhase.Decoding
            ? (int)(sequence.DecodeBase + _decode.Step + _run.StepsBy(now.MonotonicNs))
            : sequence.Outputs;
    }

    /// <summary>The end of the step under way, on the monotonic clock: the next time at which any request can have a
    /// new token. <see cref="long.MaxValue"/> when idle.</summary>
    public long NextStepNs(Instant now)
    {
        AdvanceTo(now.MonotonicNs);
        return _run.Steps > 0
            ? _run.EndNs(Math.Min(_run.Steps, _run.StepsBy(now.MonotonicNs) + 1))
            : long.MaxValue;
    }

    /// <summary>
    /// When a running request will have produced its n-th token if no other request comes, ends or is preempted. Exact
    /// within the present run of steps, extrapolated beyond it; <see cref="long.MaxValue"/> while it waits or is being
    /// prefilled, which depends on others.
    /// </summary>
    /// <exception cref="KeyNotFoundException">There is no such request any more.</exception>
    public long TokenTimeNs(long id, int token, Instant now)
    {
        AdvanceTo(now.MonotonicNs);
        ref Sequence sequence = ref Find(id);
        if (sequence.Phase != SequencePhase.Decoding)
        {
            return token <= sequence.Outputs ? now.MonotonicNs : long.MaxValue;
        }

        long steps = token - (sequence.DecodeBase + _decode.Step);
        if (steps <= _run.Steps)
        {
            return _run.EndNs(Math.Max(0, steps));
        }

        var after = new StepRun
        {
            StartNs = _run.EndNs(_run.Steps),
            FirstPs = _p.StepPs(
                _decode.Count, _decode.Count, _decode.ContextTokens + (long)_decode.Count * (_run.Steps + 1), 0),
            GrowthPs = _decode.Count * _p.KvReadPs,
        };
        return after.EndNs(steps - _run.Steps);
    }

    /// <summary>
    /// How many of a prompt's first blocks could be read from the prefix cache, up to the last time the engine was told
    /// of; looking touches nothing. O(blocks).
    /// </summary>
    /// <param name="prefixHashes">Chained hashes of the prompt's full blocks.</param>
    public int CachedBlocks(ReadOnlySpan<ulong> prefixHashes)
    {
        int cached = 0;
        while (cached < prefixHashes.Length && _cache.Contains(prefixHashes[cached], out _))
        {
            cached++;
        }

        return cached;
    }

    private void Check(in EngineRequest request)
    {
        if (request.PromptTokens < 1 || request.OutputTokens < 1)
        {
            throw new ArgumentException($"Request {request.Id} needs at least one prompt and one output token.");
        }

        if ((long)request.PromptTokens + request.OutputTokens > _p.ContextTokens)
        {
            throw new ArgumentException($"Request {request.Id} takes {request.PromptTokens} + {request.OutputTokens} "
                + $"tokens, more than the context window of {_p.ContextTokens}.");
        }

        if (request.PrefixHashes.Length > request.PromptTokens / EngineParameters.BlockTokens)
        {
            throw new ArgumentException($"Request {request.Id} has more prefix hashes than full prompt blocks.");
        }

        if (_sequences.TryFind(request.Id, out _))
        {
            throw new ArgumentException($"Request {request.Id} is already live.");
        }
    }

    private ref Sequence Find(long id)
    {
        if (!_sequences.TryFind(id, out int slot))
        {
            throw new KeyNotFoundException($"Request {id} is not live.");
        }

        return ref _sequences[slot];
    }

    private void CheckInvariants()
    {
        if (_privateBlocks < 0 || UsedBlocks > _p.KvBlocks || _cache.Reusable > FreeBlocks)
        {
            throw new InvalidOperationException($"KV blocks do not add up: {_privateBlocks} private, {_cache.Held} "
                + $"shared, {_cache.Reusable} reusable, {_p.KvBlocks} in all.");
        }

        if (_submitted != _finished + _cancelled + _sequences.Count)
        {
            throw new InvalidOperationException($"Requests do not add up: {_submitted} submitted, {_finished} "
                + $"finished, {_cancelled} cancelled, {_sequences.Count} live.");
        }

        if (_sequences.Count == 0 && UsedBlocks != 0)
        {
            throw new InvalidOperationException($"{UsedBlocks} KV blocks are used by no request.");
        }
    }
}
