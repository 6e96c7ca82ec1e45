using System.Collections.Immutable;
using Forebay.Core.Errors;

namespace Forebay.Core.Serving;

/// <summary>
/// What became of one model's requests since the start, counted as they end: the difference of two readings says what
/// happened between them. Two or three atomic additions a request; safe for concurrent callers.
/// </summary>
public sealed class ServiceTally
{
    private readonly long[] _reasons = new long[Enum.GetValues<Reason>().Length];
    private readonly long[] _firstTokens = new long[ServiceCounts.Buckets];
    private readonly long[] _ends = new long[Enum.GetValues<End>().Length];
    private long _moved;
    private long _continued;

    private enum End : byte
    {
        Served,
        Refused,
        Failed,
        ClientGone,
    }

    /// <summary>A request ended.</summary>
    /// <param name="reason">Why it failed; none where it was served.</param>
    /// <param name="attempts">Deployments that it was sent to, one after another.</param>
    /// <param name="continued">Whether an answer that broke off was gone on with elsewhere.</param>
    /// <param name="firstTokenMs">Time to the first token; negative where none came or it was not seen.</param>
    public void Ended(Reason reason, int attempts, bool continued, double firstTokenMs)
    {
        End end = reason switch
        {
            Reason.None => End.Served,
            Reason.ClientGone or Reason.ClientStalled => End.ClientGone,
            _ => attempts == 0 ? End.Refused : End.Failed,
        };
        Interlocked.Increment(ref _ends[(int)end]);
        if (reason != Reason.None)
        {
            Interlocked.Increment(ref _reasons[(int)reason]);
        }

        if (attempts > 1)
        {
            Interlocked.Increment(ref _moved);
        }

        if (continued)
        {
            Interlocked.Increment(ref _continued);
        }

        if (firstTokenMs >= 0)
        {
            Interlocked.Increment(ref _firstTokens[ServiceCounts.BucketOf(firstTokenMs)]);
        }
    }

    /// <summary>What was counted. A request that ends meanwhile may be in a part of it.</summary>
    public ServiceCounts Read() => new(
        Volatile.Read(ref _ends[(int)End.Served]),
        Volatile.Read(ref _ends[(int)End.Refused]),
        Volatile.Read(ref _ends[(int)End.Failed]),
        Volatile.Read(ref _ends[(int)End.ClientGone]),
        Volatile.Read(ref _moved),
        Volatile.Read(ref _continued),
        [.. _reasons],
        [.. _firstTokens]);
}

/// <summary>Counters of one model at one time.</summary>
/// <param name="Served">Answered to the end.</param>
/// <param name="Refused">Refused before anything was sent to a deployment.</param>
/// <param name="Failed">Failed after something was.</param>
/// <param name="ClientGone">Left by their clients.</param>
/// <param name="Moved">Sent to more than one deployment, however they ended.</param>
/// <param name="Continued">Of those, answers gone on with after their first byte.</param>
/// <param name="Reasons">Failures by <see cref="Reason"/>.</param>
/// <param name="FirstTokens">Times to first token in buckets, four to a doubling from 1 ms on.</param>
public sealed record ServiceCounts(
    long Served,
    long Refused,
    long Failed,
    long ClientGone,
    long Moved,
    long Continued,
    ImmutableArray<long> Reasons,
    ImmutableArray<long> FirstTokens)
{
    internal const int Buckets = 4 * 20 + 1;

    public static ServiceCounts None { get; } = new ServiceTally().Read();

    /// <summary>What was counted since an earlier reading.</summary>
    public ServiceCounts Since(ServiceCounts earlier) => new(
        Served - earlier.Served,
        Refused - earlier.Refused,
        Failed - earlier.Failed,
        ClientGone - earlier.ClientGone,
        Moved - earlier.Moved,
        Continued - earlier.Continued,
        [.. Reasons.Zip(earlier.Reasons, static (a, b) => a - b)],
        [.. FirstTokens.Zip(earlier.FirstTokens, static (a, b) => a - b)]);

    public ServiceSummary Summary => new(
        Served + Refused + Failed + ClientGone,
        Served,
        Refused,
        Failed,
        Moved,
        Continued,
        Quantile(0.5),
        Quantile(0.95),
        Reasons.Select((count, reason) => (Label: ReasonTable.LabelOf((Reason)reason), count))
            .Where(r => r.count > 0)
            .ToImmutableSortedDictionary(r => r.Label, r => r.count, StringComparer.Ordinal));

    internal static int BucketOf(double ms) =>
        ms <= 1 ? 0 : Math.Min(Buckets - 1, (int)Math.Ceiling(4 * Math.Log2(ms)));

    /// <summary>The upper end of the bucket that holds the quantile, at most 19% above it; null without a
    /// sample.</summary>
    private double? Quantile(double share)
    {
        long total = FirstTokens.Sum();
        long rank = (long)Math.Ceiling(share * total);
        for (int i = 0; i < Buckets && total > 0; i++)
        {
            rank -= FirstTokens[i];
            if (rank <= 0)
            {
                return Math.Pow(2, i / 4.0);
            }
        }

        return null;
    }
}

/// <summary>What became of requests in some time.</summary>
/// <param name="Requests">All of them.</param>
/// <param name="Served">Answered to the end.</param>
/// <param name="Refused">Refused before anything was sent to a deployment.</param>
/// <param name="Failed">Failed after something was.</param>
/// <param name="Moved">Sent to more than one deployment.</param>
/// <param name="Continued">Of those, gone on with after the first byte.</param>
/// <param name="FirstTokenP50Ms">Median time to the first token, to 19%; null without one.</param>
/// <param name="FirstTokenP95Ms">95th percentile of it.</param>
/// <param name="Reasons">Failures by the label of their reason.</param>
public sealed record ServiceSummary(
    long Requests,
    long Served,
    long Refused,
    long Failed,
    long Moved,
    long Continued,
    double? FirstTokenP50Ms,
    double? FirstTokenP95Ms,
    ImmutableSortedDictionary<string, long> Reasons);

/// <summary>The counters of all models at one time.</summary>
/// <param name="UnixMs">When.</param>
/// <param name="Models">By model.</param>
public sealed record ServiceReading(long UnixMs, ImmutableDictionary<string, ServiceCounts> Models)
{
    public ServiceCounts Of(string model) => Models.GetValueOrDefault(model, ServiceCounts.None);
}
