namespace Forebay.Core.Limits;

/// <summary>The mean request of a tenant of late.</summary>
/// <param name="InputTokens">Input tokens, cache reads excluded.</param>
/// <param name="OutputTokens">Output tokens.</param>
/// <param name="Micros">Price in millionths of a US dollar.</param>
/// <param name="IsKnown">Whether any answer was seen; if not, the numbers are a guess.</param>
internal readonly record struct UseMix(double InputTokens, double OutputTokens, double Micros, bool IsKnown)
{
    public static UseMix Unknown => new(1000, 500, 10_000, false);

    public UseMix With(in LimitUse use, double weight)
    {
        double w = IsKnown ? weight : 1;
        return new UseMix(
            InputTokens + w * (use.InputTokens - InputTokens),
            OutputTokens + w * (use.OutputTokens - OutputTokens),
            Micros + w * (use.PriceMicros - Micros),
            true);
    }

    /// <summary>What a mean request takes of a limit, in the limit's unit (dollars for money).</summary>
    public double Of(LimitUnit unit) => unit switch
    {
        LimitUnit.Requests => 1,
        LimitUnit.InputTokens => InputTokens,
        LimitUnit.OutputTokens => OutputTokens,
        LimitUnit.Tokens => InputTokens + OutputTokens,
        _ => Micros / 1_000_000,
    };
}
