namespace Forebay.Core.Serving.Engine;

/// <summary>
/// The decoding sequences in sum: how many, how long their contexts are together, and when each crosses into a new KV
/// block. Lets the engine tell what any number of steps costs without visiting a sequence.
/// </summary>
internal sealed class DecodeBatch
{
    private const int BlockTokens = EngineParameters.BlockTokens;

    /// <summary>Sequences by the phase of their block: context length less step counter, modulo the block.</summary>
    private readonly int[] _byResidue = new int[BlockTokens];

    public int Count { get; private set; }

    /// <summary>Tokens in KV memory of all decoding sequences.</summary>
    public long ContextTokens { get; private set; }

    /// <summary>Decode steps since the start.</summary>
    public long Step { get; private set; }

    public void Add(int contextTokens)
    {
        Count++;
        ContextTokens += contextTokens;
        _byResidue[Residue(contextTokens - Step)]++;
    }

    public void Remove(int contextTokens)
    {
        Count--;
        ContextTokens -= contextTokens;
        _byResidue[Residue(contextTokens - Step)]--;
    }

    /// <summary>KV blocks that the next <paramref name="steps"/> steps take. O(block).</summary>
    public int BlocksFor(int steps)
    {
        int blocks = checked(steps / BlockTokens * Count);
        for (int i = 0; i < steps % BlockTokens; i++)
        {
            blocks += CrossingAt(i);
        }

        return blocks;
    }

    /// <summary>Steps that a number of KV blocks is enough for, at most <paramref name="limit"/>. O(block).</summary>
    public int StepsWithin(int blocks, int limit)
    {
        if (Count == 0)
        {
            return limit;
        }

        long cycles = Math.Min(blocks / Count, limit / BlockTokens);
        int steps = (int)cycles * BlockTokens;
        int left = blocks - (int)cycles * Count;
        for (int i = 0; i < BlockTokens && steps < limit; i++)
        {
            left -= CrossingAt(i);
            if (left < 0)
            {
                break;
            }

            steps++;
        }

        return steps;
    }

    /// <summary>Lets every sequence produce <paramref name="steps"/> tokens.</summary>
    public void Advance(int steps)
    {
        Step += steps;
        ContextTokens += (long)steps * Count;
    }

    /// <summary>Sequences whose next token but <paramref name="ahead"/> opens a block: their context then is a whole
    /// number of blocks.</summary>
    private int CrossingAt(int ahead) => _byResidue[Residue(-(Step + ahead))];

    private static int Residue(long value) => (int)(((value % BlockTokens) + BlockTokens) % BlockTokens);
}
