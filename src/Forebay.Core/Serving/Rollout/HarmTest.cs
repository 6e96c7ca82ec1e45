namespace Forebay.Core.Serving.Rollout;

/// <summary>
/// Exact one-sided tests of two samples, without assumptions on their distributions. If the new version is like the old
/// one, which of the pooled answers are the new one's is drawn at random, so how many of the bad ones are is
/// hypergeometric. For failures that is Fisher's exact test (Fisher, Statistical Methods for Research Workers, 1934,
/// sec. 21.02); for times, with those beyond a quantile of the pooled sample as the bad ones, Westenberg's (1948) and
/// Mood's (1950) median test and its like for other quantiles.
/// </summary>
public static class HarmTest
{
    /// <summary>How likely so many failures of the new version are, were it as the old one.</summary>
    public static double Failures(VersionArm old, VersionArm next) =>
        Tail(old.Answers + next.Answers, old.Failed + next.Failed, next.Answers, next.Failed);

    /// <summary>How likely so many long times of the new version are, were it slower by no more than a slack.</summary>
    /// <param name="old">Counts by bucket.</param>
    /// <param name="next">The new version's.</param>
    /// <param name="share">The quantile of the pooled sample that long is beyond.</param>
    /// <param name="slackShare">What it may be slower by.</param>
    public static double Times(
        ReadOnlySpan<long> old, ReadOnlySpan<long> next, double share, double slackShare)
    {
        int shift = (int)Math.Ceiling(VersionArm.PerDoubling * Math.Log2(1 + slackShare));
        Span<long> moved = stackalloc long[VersionArm.Buckets];
        (long oldAll, long newAll) = (0, 0);
        for (int i = 0; i < moved.Length; i++)
        {
            moved[Math.Max(0, i - shift)] += next[i];
            newAll += next[i];
            oldAll += old[i];
        }

        long all = oldAll + newAll;
        (long below, long newBelow) = (0, 0);
        for (int i = 0; i < moved.Length && below < share * all; i++)
        {
            below += old[i] + moved[i];
            newBelow += moved[i];
        }

        return Tail(all, all - below, newAll, newAll - newBelow);
    }

    /// <summary>P(X >= found) for X hypergeometric: of <paramref name="all"/> things <paramref name="bad"/> are bad,
    /// and <paramref name="drawn"/> are drawn. 1 where there is nothing to compare. O(terms that matter).</summary>
    public static double Tail(long all, long bad, long drawn, long found)
    {
        long most = Math.Min(bad, drawn);
        long least = Math.Max(0, drawn + bad - all);
        if (found <= least || drawn == 0 || drawn == all || bad == 0)
        {
            return 1;
        }

        if (found > most)
        {
            return 0;
        }

        // From the least of interest upwards each term follows from the one before it.
        double term = Math.Exp(LogChoose(bad, found) + LogChoose(all - bad, drawn - found) - LogChoose(all, drawn));
        double sum = 0;
        for (long k = found; k <= most; k++)
        {
            sum += term;
            double ratio = (double)(bad - k) * (drawn - k) / ((double)(k + 1) * (all - bad - drawn + k + 1));
            term *= ratio;
            if (ratio < 1 && term < sum * 1e-16)
            {
                break;
            }
        }

        return Math.Min(1, sum);
    }

    private static double LogChoose(long n, long k) => LogFactorial(n) - LogFactorial(k) - LogFactorial(n - k);

    /// <summary>ln n!: summed for small n, else Stirling's series (Abramowitz and Stegun, 6.1.41).</summary>
    private static double LogFactorial(long n)
    {
        if (n < 32)
        {
            double sum = 0;
            for (long i = 2; i <= n; i++)
            {
                sum += Math.Log(i);
            }

            return sum;
        }

        double x = n + 1.0;
        double x2 = x * x;
        return (x - 0.5) * Math.Log(x) - x + 0.5 * Math.Log(2 * Math.PI)
            + (1.0 / 12 - (1.0 / 360 - 1.0 / (1260 * x2)) / x2) / x;
    }
}
