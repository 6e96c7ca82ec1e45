using System.Numerics;
using System.Runtime.CompilerServices;

namespace Forebay.Core.Limits;

/// <summary>
/// Learns the 95th percentile of how long answers are, in constant memory and constant time: a histogram over lengths
/// (exact below 8, then four bins to an octave, so at most 25% too high and never too low) whose counts are halved once
/// there are <see cref="Horizon"/>, so that what is old fades. Not safe for concurrent callers by itself.
/// </summary>
public sealed class OutputEstimator
{
    /// <summary>Answers seen before the estimate is used.</summary>
    public const int Enough = 16;

    /// <summary>Answers after which the weight of those seen so far is halved.</summary>
    public const int Horizon = 1024;

    /// <summary>Longest answer told apart.</summary>
    public const long LongestTokens = (1L << 20) - 1;

    private const int ExactBelow = 8;
    private const int Bins = ExactBelow + 4 * (20 - 3);
    private Counts _counts;
    private int _total;

    /// <summary>The bin that holds the percentile, and the answers below it.</summary>
    private int _bin;
    private int _below;

    /// <summary>The estimate in tokens, or null while fewer than <see cref="Enough"/> answers were seen.</summary>
    public long? P95Tokens => _total < Enough ? null : UpperEdge(_bin);

    /// <summary>Learns from an answer.</summary>
    public void Observe(long outputTokens)
    {
        int bin = BinOf(Math.Clamp(outputTokens, 0, LongestTokens));
        _counts[bin]++;
        _total++;
        _below += bin < _bin ? 1 : 0;
        if (_total == Horizon)
        {
            Halve();
        }

        // The smallest bin up to which at least 95% of the answers lie.
        while (20 * (_below + _counts[_bin]) < 19 * _total)
        {
            _below += _counts[_bin++];
        }

        while (_bin > 0 && 20 * _below >= 19 * _total)
        {
            _below -= _counts[--_bin];
        }
    }

    private void Halve()
    {
        (_total, _below) = (0, 0);
        for (int i = 0; i < Bins; i++)
        {
            _counts[i] = (ushort)((_counts[i] + 1) / 2);
            _total += _counts[i];
            _below += i < _bin ? _counts[i] : 0;
        }
    }

    private static int BinOf(long tokens)
    {
        if (tokens < ExactBelow)
        {
            return (int)tokens;
        }

        int octave = BitOperations.Log2((ulong)tokens);
        return ExactBelow + 4 * (octave - 3) + (int)((tokens >> (octave - 2)) & 3);
    }

    /// <summary>The longest answer that falls into a bin.</summary>
    private static long UpperEdge(int bin)
    {
        if (bin < ExactBelow)
        {
            return bin;
        }

        int octave = 3 + (bin - ExactBelow) / 4;
        int quarter = (bin - ExactBelow) % 4;
        return (1L << octave) + ((long)(quarter + 1) << (octave - 2)) - 1;
    }

    [InlineArray(Bins)]
    private struct Counts
    {
        private ushort _first;
    }
}
