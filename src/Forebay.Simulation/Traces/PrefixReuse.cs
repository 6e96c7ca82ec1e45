namespace Forebay.Simulation.Traces;

/// <summary>
/// How much of the prompts an ideal cache would hold: one that never forgets, is shared by all engines, and has every
/// earlier prompt the moment it was sent. Answers are not counted: whether they are cached is the engine's own choice.
/// </summary>
/// <remarks>Memory is bounded: past <see cref="MaxBlocks"/> distinct blocks the share is not told.</remarks>
public sealed class PrefixReuse
{
    /// <summary>Distinct blocks that are remembered: two thousand million tokens.</summary>
    public const int MaxBlocks = 1 << 22;

    private readonly HashSet<int> _seen = [];
    private long _reusable;

    /// <summary>Tokens that the ideal cache holds; null when there were too many blocks to tell.</summary>
    public long? ReusableTokens => _seen.Count <= MaxBlocks ? _reusable : null;

    /// <summary>Takes in the next request of the trace and its later turns.</summary>
    public void Add(TraceRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        TraceRequest? previous = null;
        foreach (TraceRequest turn in request.AllTurns)
        {
            _reusable += turn.Blocks.IsEmpty && previous is not null
                ? Math.Min(previous.InputTokens, turn.InputTokens)
                : OfBlocks(turn);
            previous = turn;
        }
    }

    /// <summary>Tokens of the leading blocks that some earlier prompt had.</summary>
    private long OfBlocks(TraceRequest turn)
    {
        int hits = 0;
        while (hits < turn.Blocks.Length && _seen.Contains(turn.Blocks[hits]))
        {
            hits++;
        }

        for (int i = hits; i < turn.Blocks.Length && _seen.Count <= MaxBlocks; i++)
        {
            _seen.Add(turn.Blocks[i]);
        }

        return Math.Min((long)hits * TraceRequest.TokensPerBlock, turn.InputTokens);
    }
}
