namespace Forebay.Core.Serving.Routing;

/// <summary>How much worse than the best counts as equal to it.</summary>
internal readonly struct Tolerance(RoutingConfig config)
{
    private const float BetweenTiers = 0.95f * Router.TierNs;

    private readonly float _leastNs = (float)(config.ToleranceMs * Time.Instant.NsPerMs);
    private readonly double _share = config.ToleranceShare;

    /// <summary>The worst score that counts as equal to a best one, in nanoseconds. Never in a later tier than it, and
    /// never less for a worse one, so that what the limit of some score leaves out the limit of the best does too.
    /// </summary>
    public float LimitOf(float best)
    {
        float tier = MathF.Floor(best / Router.TierNs) * Router.TierNs;
        float limit = best + Math.Max(_leastNs, (float)((best - tier) * _share));
        return Math.Min(limit, tier + BetweenTiers);
    }
}
