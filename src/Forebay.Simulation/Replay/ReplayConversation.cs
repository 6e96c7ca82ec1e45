using System.Collections.Immutable;
using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Replay;

/// <summary>
/// One conversation of a run: all its turns go to the same model in the same dialect, drawn from the run's seed and the
/// conversation's number. A request that stands alone is a conversation of one turn.
/// </summary>
internal sealed class ReplayConversation
{
    private readonly ImmutableArray<TraceRequest> _laterTurns;

    public ReplayConversation(ReplayOptions options, TraceRequest first, ulong number)
    {
        var draw = new SplitMix64(options.Seed, number);
        ReplayDialect drawn = draw.NextDouble() < 0.5 ? ReplayDialect.Anthropic : ReplayDialect.OpenAi;
        Dialect = options.Dialect == ReplayDialect.Mixed ? drawn : options.Dialect;
        Model = options.Models.Pick(draw.NextDouble());
        Prompt = new ReplayPrompt(options.RunId, number);
        _laterTurns = first.LaterTurns;
    }

    public ReplayDialect Dialect { get; }

    public string Model { get; }

    public ReplayPrompt Prompt { get; }

    /// <summary>The turn under way, from 1; 0 before the first.</summary>
    public int Turn { get; private set; }

    /// <summary>Whether the turn after the one under way repeats its answer.</summary>
    public bool NeedsAnswer => Turn <= _laterTurns.Length && _laterTurns[Turn - 1].Blocks.IsEmpty;

    public void Begin(TraceRequest turn)
    {
        Turn++;
        Prompt.Begin(turn);
    }
}
