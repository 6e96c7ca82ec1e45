using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Replay;

/// <summary>
/// One conversation of a run: all its turns go to the same model in the same dialect, drawn from the run's seed and the
/// conversation's number. A request that stands alone is a conversation of one turn.
/// </summary>
internal sealed class ReplayConversation
{
    private readonly int _turns;

    public ReplayConversation(ReplayOptions options, TraceRequest first, ulong number)
    {
        var draw = new SplitMix64(options.Seed, number);
        ReplayDialect drawn = draw.NextDouble() < 0.5 ? ReplayDialect.Anthropic : ReplayDialect.OpenAi;
        Dialect = options.Dialect == ReplayDialect.Mixed ? drawn : options.Dialect;
        Model = options.Models.Pick(draw.NextDouble());
        Prompt = new ReplayPrompt(options.RunId, number);
        _turns = first.Turns;
    }

    public ReplayDialect Dialect { get; }

    public string Model { get; }

    public ReplayPrompt Prompt { get; }

    /// <summary>The turn under way, from 1; 0 before the first.</summary>
    public int Turn { get; private set; }

    /// <summary>Whether a turn follows the one under way.</summary>
    public bool GoesOn => Turn < _turns;

    public void Begin(TraceRequest turn)
    {
        Turn++;
        Prompt.Begin(turn);
    }
}
