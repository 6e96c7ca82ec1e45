using Forebay.Core.Serving.Links;

namespace Forebay.Core.Capacity.Transfers;

/// <summary>How long weights take to a site, and what that costs.</summary>
/// <param name="DoneUnixMs">Wall time at which the last byte is there; null when the link never carries it.</param>
/// <param name="OutageMs">How long of that the link is down.</param>
/// <param name="EgressUsd">What leaving costs.</param>
public readonly record struct TransferForecast(long? DoneUnixMs, long OutageMs, decimal EgressUsd);

/// <summary>
/// The forecast of a transfer over a link whose bandwidth and outages are a function of time. Pure, so that placement,
/// the transfer's own estimate and the twin ask the same question. O(steps of the schedule), however long it takes:
/// whole repetitions of a schedule are skipped by division.
/// </summary>
public static class TransferEstimate
{
    /// <summary>More steps than any schedule has between two repetitions, against an endless walk.</summary>
    private const int MostSteps = 1_000_000;

    /// <summary>When a number of bytes is across.</summary>
    /// <param name="bytes">What is left to send.</param>
    /// <param name="link">The site's link.</param>
    /// <param name="share">What transfers get of it.</param>
    /// <param name="nowUnixMs">When it begins.</param>
    /// <param name="egressUsdPerGb">Price per gigabyte.</param>
    /// <param name="trafficBytesPerSecond">Traffic assumed throughout.</param>
    /// <param name="transfers">Transfers that share the rate evenly.</param>
    public static TransferForecast Of(
        long bytes,
        LinkSchedule link,
        LinkShare share,
        long nowUnixMs,
        decimal egressUsdPerGb = 0,
        double trafficBytesPerSecond = 0,
        int transfers = 1)
    {
        decimal cost = new TransferRoute("", "", egressUsdPerGb).CostUsd(bytes);
        double left = bytes;
        long now = nowUnixMs;
        long down = 0;
        if (link.PeriodMs is { } period)
        {
            Walked whole = Walk(link, share, trafficBytesPerSecond, transfers, now, now + period, double.MaxValue);
            if (whole.Bytes <= 0 && left > 0)
            {
                // What one repetition does not carry, none does.
                return new TransferForecast(null, 0, cost);
            }

            // The last repetition is walked: it may end before an outage at its end.
            long repeats = Math.Max(0, (long)Math.Ceiling(left / whole.Bytes) - 1);
            left -= repeats * whole.Bytes;
            now += repeats * period;
            down += repeats * whole.DownMs;
        }

        Walked rest = Walk(link, share, trafficBytesPerSecond, transfers, now, long.MaxValue, left);
        return new TransferForecast(rest.DoneUnixMs, down + rest.DownMs, cost);
    }

    private static Walked Walk(
        LinkSchedule link, LinkShare share, double traffic, int transfers, long from, long to, double bytes)
    {
        double sent = 0;
        long down = 0;
        long now = from;
        for (int step = 0; step < MostSteps && now < to; step++)
        {
            LinkState state = link.At(now);
            long until = Math.Min(to, state.UntilUnixMs);
            double perMs = share.RateOf(state, traffic) / Math.Max(1, transfers) / 1000;
            double left = bytes - sent;
            if (left <= 0 || (perMs > 0 && (double)(until - now) * perMs >= left))
            {
                long took = left <= 0 || double.IsInfinity(perMs) ? 0 : (long)Math.Ceiling(left / perMs);
                return new Walked(bytes, down, now + took);
            }

            if (until == long.MaxValue)
            {
                return new Walked(sent, down, null);
            }

            sent += double.IsInfinity(perMs) ? double.PositiveInfinity : (until - now) * perMs;
            down += state.Available ? 0 : until - now;
            now = until;
        }

        return new Walked(sent, down, null);
    }

    private readonly record struct Walked(double Bytes, long DownMs, long? DoneUnixMs);
}
