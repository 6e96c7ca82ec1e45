using Forebay.Core.Serving.Engine;

namespace Forebay.UnitTests.Core.Serving.Engine;

/// <summary>
/// The engine's rules written the slow and obvious way: one step at a time, every sequence visited, plain lists. The
/// model is held against it event by event.
/// </summary>
internal sealed class ReferenceEngine(EngineParameters p)
{
    private const int BlockTokens = EngineParameters.BlockTokens;

    private readonly List<Job> _waiting = [];
    private readonly List<Job> _prefilling = [];
    private readonly List<Job> _decoding = [];
    private readonly Dictionary<ulong, Block> _blocks = [];
    private readonly List<(Job Job, int Tokens)> _chunks = [];
    private Int128 _timePs;
    private Int128 _stepEndPs;
    private bool _inStep;
    private long _releases;

    public List<EngineEvent> Events { get; } = [];

    public IEnumerable<Job> Live => [.. _waiting, .. _prefilling, .. _decoding];

    public int Used => _prefilling.Concat(_decoding).Sum(j => BlocksOf(j.KvTokens) - j.Shared)
        + _blocks.Values.Count(b => b.Holders > 0);

    public int Reusable => _blocks.Values.Count(b => b.Holders == 0);

    private int Free => p.KvBlocks - Used;

    public void Submit(EngineRequest request, long nowNs)
    {
        Advance(nowNs);
        if (!Live.Any() && !_inStep)
        {
            _timePs = (Int128)nowNs * 1000 > _timePs ? (Int128)nowNs * 1000 : _timePs;
        }

        if (_waiting.Count == 0)
        {
            Replan(nowNs);
        }

        _waiting.Add(new Job(request, nowNs));
    }

    public bool Cancel(long id, long nowNs)
    {
        Advance(nowNs);
        Job? job = Live.FirstOrDefault(j => j.Request.Id == id);
        if (job is null)
        {
            return false;
        }

        if (_waiting.FirstOrDefault() == job || !_waiting.Contains(job))
        {
            Replan(nowNs);
        }

        Release(job);
        _waiting.Remove(job);
        _prefilling.Remove(job);
        _decoding.Remove(job);
        _chunks.RemoveAll(c => c.Job == job);
        return true;
    }

    public void Advance(long nowNs)
    {
        while (true)
        {
            if (!_inStep && !TryStartStep())
            {
                return;
            }

            if (Ceiling(_stepEndPs) > nowNs)
            {
                return;
            }

            EndStep();
        }
    }

    private static long Ceiling(Int128 ps) => (long)((ps + 999) / 1000);

    private static int BlocksOf(int tokens) => (tokens + BlockTokens - 1) / BlockTokens;

    /// <summary>A step that begins at this very nanosecond has not begun: it may still change.</summary>
    private void Replan(long nowNs)
    {
        if (_inStep && Ceiling(_timePs) == nowNs)
        {
            _inStep = false;
            _chunks.Clear();
        }
    }

    private bool TryStartStep()
    {
        if (!Live.Any())
        {
            return false;
        }

        _chunks.Clear();
        bool preempted = false;
        while (_decoding.Count(j => j.KvTokens % BlockTokens == 0) > Free)
        {
            Job youngest = _prefilling.LastOrDefault() ?? _decoding[^1];
            Release(youngest);
            _prefilling.Remove(youngest);
            _decoding.Remove(youngest);
            _waiting.Insert(0, youngest);
            preempted = true;
            Emit(EngineEventKind.Preempted, youngest);
        }

        int budget = p.MaxTokensPerStep - _decoding.Count;
        foreach (Job job in _prefilling.TakeWhile(_ => budget > 0))
        {
            budget -= Chunk(job, budget);
        }

        while (!preempted && budget > 0 && _waiting.Count > 0
            && _prefilling.Count + _decoding.Count < p.MaxSequences && TryAdmit(_waiting[0]))
        {
            budget -= Chunk(_prefilling[^1], budget);
        }

        long pairs = _chunks.Sum(c => Enumerable.Range(c.Job.Prefilled + 1, c.Tokens).Sum(i => (long)i));
        long kv = _decoding.Sum(j => (long)j.KvTokens + 1);
        _stepEndPs = _timePs + p.StepPs(
            _decoding.Count + _chunks.Count, _decoding.Count + _chunks.Sum(c => c.Tokens), kv, pairs);
        _inStep = true;
        return true;
    }

    private int Chunk(Job job, int budget)
    {
        int tokens = Math.Min(budget, job.KvTokens - job.Prefilled);
        _chunks.Add((job, tokens));
        return tokens;
    }

    private bool TryAdmit(Job job)
    {
        int tokens = job.Request.PromptTokens + job.Outputs;
        ulong[] hashes = job.Request.PrefixHashes;
        int most = Math.Min(hashes.Length, (tokens - 1) / BlockTokens);
        ulong[] hits = [.. hashes.Take(most).TakeWhile(_blocks.ContainsKey)];
        int needed = BlocksOf(tokens) - hits.Count(h => _blocks[h].Holders > 0);
        int reserve = _prefilling.Count + _decoding.Count == 0 ? 0 : Math.Max(p.KvBlocks / 100, _decoding.Count);
        if (needed + reserve > Free)
        {
            return false;
        }

        foreach (ulong hash in hits)
        {
            _blocks[hash].Holders++;
        }

        job.Shared = hits.Length;
        job.KvTokens = tokens;
        job.Prefilled = hits.Length * BlockTokens;
        if (!job.Admitted)
        {
            job.Admitted = true;
            job.Cached = job.Prefilled;
            job.QueuedNs = Math.Max(0, (long)(_timePs / 1000) - job.SubmittedNs);
        }

        _waiting.Remove(job);
        _prefilling.Add(job);
        Evict();
        return true;
    }

    private void EndStep()
    {
        _inStep = false;
        _timePs = _stepEndPs;
        foreach (Job job in _decoding)
        {
            job.Outputs++;
            job.KvTokens++;
        }

        foreach ((Job job, int tokens) in _chunks)
        {
            job.Prefilled += tokens;
        }

        Evict();
        foreach (Job job in _chunks.Select(c => c.Job).Where(j => j.Prefilled == j.KvTokens))
        {
            foreach (ulong hash in job.Request.PrefixHashes.Skip(job.Shared))
            {
                _blocks.TryAdd(hash, new Block());
                _blocks[hash].Holders++;
                job.Shared++;
            }

            job.Outputs++;
            _prefilling.Remove(job);
            _decoding.Add(job);
            if (job.Outputs == 1)
            {
                Emit(EngineEventKind.FirstToken, job);
            }
        }

        Job[] done = [.. _decoding.Where(j => j.Outputs == j.Request.OutputTokens).OrderBy(j => j.Request.Id)];
        foreach (Job job in done)
        {
            Release(job);
            _decoding.Remove(job);
            Emit(EngineEventKind.Finished, job);
        }
    }

    private void Release(Job job)
    {
        foreach (ulong hash in job.Request.PrefixHashes.Take(job.Shared).Reverse())
        {
            if (--_blocks[hash].Holders == 0)
            {
                _blocks[hash].Released = ++_releases;
            }
        }

        job.Shared = 0;
    }

    private void Evict()
    {
        while (Reusable > Free)
        {
            _blocks.Remove(_blocks.Where(b => b.Value.Holders == 0).MinBy(b => b.Value.Released).Key);
        }
    }

    private void Emit(EngineEventKind kind, Job job) => Events.Add(new EngineEvent(
        kind, job.Request.Id, Ceiling(_timePs), job.Outputs, job.Cached, job.QueuedNs));

    internal sealed class Job(EngineRequest request, long submittedNs)
    {
        public EngineRequest Request => request;

        public long SubmittedNs => submittedNs;

        public int Outputs { get; set; }

        public int KvTokens { get; set; }

        public int Prefilled { get; set; }

        public int Shared { get; set; }

        public int Cached { get; set; }

        public bool Admitted { get; set; }

        public long QueuedNs { get; set; }
    }

    private sealed class Block
    {
        public int Holders { get; set; }

        public long Released { get; set; }
    }
}
