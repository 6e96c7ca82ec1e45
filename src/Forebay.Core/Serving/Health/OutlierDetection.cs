namespace Forebay.Core.Serving.Health;

/// <summary>A deployment among those of its model, for comparison.</summary>
/// <param name="Places">Places configured.</param>
/// <param name="IsOpen">Whether its breaker is open or half open.</param>
/// <param name="Good">Attempts served in the window.</param>
/// <param name="Bad">Attempts failed in the window.</param>
/// <param name="Slowdown">Times its usual time to first token, now.</param>
/// <param name="SlowdownSamples">Samples that the slowdown rests on.</param>
public readonly record struct Peer(
    int Places, bool IsOpen, int Good, int Bad, double Slowdown, int SlowdownSamples);

/// <summary>
/// Finds deployments that do far worse than the model's others, and bounds how much of a model may be taken out.
/// Control-shaped: a frozen snapshot in, decisions out.
/// </summary>
/// <remarks>
/// Failures: a two-proportion z-test of a deployment against the pool of the others, so that it works with two
/// deployments as with two thousand, and a margin, so that what is significant is also large. Envoy's rule (mean less
/// 1.9 standard deviations) needs five hosts and grows blind when two are bad. Slowness: against the median of the
/// others, each measured by its own usual speed, so that a slower kind of chip or a farther site is no outlier.
/// </remarks>
public static class OutlierDetection
{
    /// <summary>Standard errors that a share of failures must lie off: one false alarm in 30,000.</summary>
    private const double Significance = 4;

    /// <summary>
    /// Decides who is taken out now. Cost: O(n log n) for n deployments of one model.
    /// </summary>
    /// <param name="peers">The model's deployments.</param>
    /// <param name="rules">The rules in force.</param>
    /// <param name="causes">Filled with a cause per deployment; <see cref="OutCause.None"/> for most.</param>
    /// <returns>How many are to be taken out.</returns>
    public static int Step(ReadOnlySpan<Peer> peers, HealthRulesConfig rules, Span<OutCause> causes)
    {
        causes[..peers.Length].Clear();
        (long good, long bad) = Totals(peers);
        double[] slowdowns = Slowdowns(peers, rules);
        long outPlaces = OutPlaces(peers, out long allPlaces, out int inCount);
        int taken = 0;
        for (int i = 0; i < peers.Length; i++)
        {
            Peer peer = peers[i];
            if (peer.IsOpen)
            {
                continue;
            }

            OutCause cause = FailsMore(peer, good - peer.Good, bad - peer.Bad, rules) ? OutCause.PeerFailures
                : IsSlower(peer, slowdowns, rules) ? OutCause.PeerSlowdown
                : OutCause.None;
            if (cause != OutCause.None && Fits(peer.Places, outPlaces, allPlaces, inCount, rules.MaxEjectedShare))
            {
                causes[i] = cause;
                outPlaces += peer.Places;
                inCount--;
                taken++;
            }
        }

        return taken;
    }

    /// <summary>Whether one more may be taken out: never the last one; one where none is out; else while the places out
    /// stay within the share.</summary>
    /// <param name="places">Places of the candidate.</param>
    /// <param name="outPlaces">Places out already.</param>
    /// <param name="allPlaces">The model's places.</param>
    /// <param name="inCount">Deployments that are not out, the candidate included.</param>
    /// <param name="maxShare">Largest share of places out.</param>
    public static bool Fits(int places, long outPlaces, long allPlaces, int inCount, double maxShare) =>
        inCount > 1 && maxShare > 0 && (outPlaces == 0 || outPlaces + places <= maxShare * allPlaces);

    /// <summary>Sums up what is out.</summary>
    public static long OutPlaces(ReadOnlySpan<Peer> peers, out long allPlaces, out int inCount)
    {
        long outPlaces = 0;
        allPlaces = 0;
        inCount = 0;
        foreach (Peer peer in peers)
        {
            allPlaces += peer.Places;
            outPlaces += peer.IsOpen ? peer.Places : 0;
            inCount += peer.IsOpen ? 0 : 1;
        }

        return outPlaces;
    }

    private static (long Good, long Bad) Totals(ReadOnlySpan<Peer> peers)
    {
        long good = 0;
        long bad = 0;
        foreach (Peer peer in peers)
        {
            // What is out already has no say in what is usual.
            good += peer.IsOpen ? 0 : peer.Good;
            bad += peer.IsOpen ? 0 : peer.Bad;
        }

        return (good, bad);
    }

    private static bool FailsMore(in Peer peer, long othersGood, long othersBad, HealthRulesConfig rules)
    {
        long n = peer.Good + peer.Bad;
        long others = othersGood + othersBad;
        if (n < rules.MinRequests || others < rules.MinRequests)
        {
            return false;
        }

        double share = peer.Bad / (double)n;
        double usual = othersBad / (double)others;
        double pooled = (peer.Bad + othersBad) / (double)(n + others);
        double error = Math.Sqrt(pooled * (1 - pooled) * (1.0 / n + 1.0 / others));
        return share - usual >= rules.PeerFailureMargin && share - usual >= Significance * error;
    }

    private static double[] Slowdowns(ReadOnlySpan<Peer> peers, HealthRulesConfig rules)
    {
        var known = new List<double>();
        foreach (Peer peer in peers)
        {
            if (!peer.IsOpen && peer.SlowdownSamples >= rules.MinRequests)
            {
                known.Add(peer.Slowdown);
            }
        }

        double[] sorted = [.. known];
        Array.Sort(sorted);
        return sorted;
    }

    /// <summary>Against the median of the others: the candidate's own place in the order is left out.</summary>
    private static bool IsSlower(in Peer peer, double[] sorted, HealthRulesConfig rules)
    {
        if (sorted.Length < 2 || peer.SlowdownSamples < rules.MinRequests)
        {
            return false;
        }

        int own = Array.BinarySearch(sorted, peer.Slowdown);
        int middle = (sorted.Length - 1) / 2;
        double median = sorted[own >= 0 && own <= middle ? middle + 1 : middle];
        return peer.Slowdown >= rules.PeerSlowdown * Math.Max(1, median);
    }
}
