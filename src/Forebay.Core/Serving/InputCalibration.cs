namespace Forebay.Core.Serving;

/// <summary>
/// How far a model's tokenizer is from the estimate that a request's bytes give, learned from the usage that comes
/// back: the ratio of tokens told to tokens estimated, weighted by length and fading. It corrects what limits, queue
/// and routing go by before the usage is known; nothing is ever billed by it.
/// </summary>
/// <remarks>Safe for concurrent callers. Who finds another at it does not wait: that observation is left out.</remarks>
public sealed class InputCalibration
{
    /// <summary>The ratio is kept within this factor of 1: further off, the usage or the estimate is wrong.</summary>
    public const double MostRatio = 4;

    /// <summary>An observation beyond this factor is not learned from.</summary>
    public const double MostObserved = 8;

    /// <summary>Tokens estimated before any was seen, taken to be right: a few short prompts change little.</summary>
    private const double PriorTokens = 4_000;

    /// <summary>What one prompt counts at most, so that one long prompt does not stand for all.</summary>
    private const double MostTokens = 16_000;

    /// <summary>Weight at which older observations have faded to a half, in tokens.</summary>
    private const double HorizonTokens = 1_000_000;

    private double _told = PriorTokens;
    private double _estimated = PriorTokens;
    private double _ratio = 1;
    private int _busy;

    /// <summary>Tokens told for each token estimated.</summary>
    public double Ratio => Volatile.Read(ref _ratio);

    /// <summary>An estimate corrected. At least 1 where the estimate is.</summary>
    public long Correct(long estimatedTokens) => estimatedTokens <= 0
        ? 0
        : Math.Max(1, (long)Math.Round(Math.Min(estimatedTokens, long.MaxValue / 8) * Ratio));

    /// <summary>Learns from a prompt of text alone whose usage was told.</summary>
    /// <param name="estimatedTokens">The estimate, not corrected.</param>
    /// <param name="toldTokens">The whole prompt in the usage, cached parts included.</param>
    /// <returns>Whether it was learned from.</returns>
    public bool Observe(long estimatedTokens, long toldTokens)
    {
        if (estimatedTokens <= 0 || toldTokens <= 0
            || toldTokens > estimatedTokens * MostObserved || estimatedTokens > toldTokens * MostObserved
            || Interlocked.Exchange(ref _busy, 1) != 0)
        {
            return false;
        }

        double weight = Math.Min(1, MostTokens / estimatedTokens);
        double fade = Math.Pow(0.5, estimatedTokens * weight / HorizonTokens);
        _told = _told * fade + toldTokens * weight;
        _estimated = _estimated * fade + estimatedTokens * weight;
        Volatile.Write(ref _ratio, Math.Clamp(_told / _estimated, 1 / MostRatio, MostRatio));
        Volatile.Write(ref _busy, 0);
        return true;
    }
}
