using Forebay.Core.Serving.Engine;
using Forebay.Core.Time;

namespace Forebay.UnitTests.Core.Serving.Queue;

/// <summary>A server in virtual time with so many places.</summary>
internal abstract class VirtualServer(int places)
{
    public int Places { get; } = places;

    public abstract void Start(long id, int prompt, int output, long nowNs);

    /// <summary>Tokens that a request has produced by now.</summary>
    public abstract int TokensBy(long id, int output, long nowNs);
}

/// <summary>One token for each running request a step, after its prompt at 256 tokens a step.</summary>
internal sealed class StepServer(int places) : VirtualServer(places)
{
    private const long StepNs = 10 * Instant.NsPerMs;
    private readonly Dictionary<long, long> _firstNs = [];

    public override void Start(long id, int prompt, int output, long nowNs) =>
        _firstNs[id] = nowNs + (1 + prompt / 256) * StepNs;

    public override int TokensBy(long id, int output, long nowNs) =>
        nowNs < _firstNs[id] ? 0 : (int)Math.Min(output, 1 + (nowNs - _firstNs[id]) / StepNs);
}

/// <summary>The engine model of Core: continuous batching, chunked prefill, preemption.</summary>
internal sealed class EngineServer(int places) : VirtualServer(places)
{
    private readonly HashSet<long> _finished = [];
    private readonly List<EngineEvent> _events = [];
    private readonly EngineModel _engine = new(new EngineParameters
    {
        ContextTokens = 16_000,
        KvBlocks = 8_000,
        MaxSequences = places,
        MaxTokensPerStep = 512,
        StepOverheadPs = 5_000_000_000,
        SequencePs = 20_000_000,
        WeightsReadPs = 4_000_000_000,
        TokenComputePs = 20_000_000,
        KvReadPs = 50_000,
        AttentionPairPs = 100,
    });

    public override void Start(long id, int prompt, int output, long nowNs) =>
        _engine.Submit(new EngineRequest(id, prompt, output, []), new Instant(nowNs, 0));

    public override int TokensBy(long id, int output, long nowNs)
    {
        _events.Clear();
        _engine.Advance(new Instant(nowNs, 0), _events);
        _finished.UnionWith(_events.Where(e => e.Kind == EngineEventKind.Finished).Select(e => e.Id));
        return _finished.Contains(id) ? output : _engine.TokensBy(id, new Instant(nowNs, 0));
    }
}
