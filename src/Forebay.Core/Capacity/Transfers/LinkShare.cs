using Forebay.Core.Serving.Links;
using Forebay.Core.Time;

namespace Forebay.Core.Capacity.Transfers;

/// <summary>How transfers share a site's link with the traffic of its clients: traffic first.</summary>
/// <param name="MostShare">Most of the link's bandwidth that transfers take, 0 to 1.</param>
/// <param name="LeastShare">What they get even when traffic would take all: without it a loaded site could never be
/// given the replica that relieves it.</param>
/// <param name="MostBytesPerSecond">What the source and the disk can do, and the rate where the link's bandwidth is not
/// limited; infinite when left out.</param>
public sealed record LinkShare(
    double MostShare = 0.5, double LeastShare = 0.05, double MostBytesPerSecond = double.PositiveInfinity)
{
    /// <summary>Bytes per second for all transfers over a link together; 0 while it is down.</summary>
    /// <param name="link">The link now.</param>
    /// <param name="trafficBytesPerSecond">What clients' requests take of it now.</param>
    public double RateOf(in LinkState link, double trafficBytesPerSecond)
    {
        if (!link.Available)
        {
            return 0;
        }

        if (link.NsPerByte <= 0)
        {
            return MostBytesPerSecond;
        }

        double bandwidth = Instant.NsPerSecond / link.NsPerByte;
        double spare = Math.Max(0, bandwidth - Math.Max(0, trafficBytesPerSecond));
        double share = Math.Max(bandwidth * LeastShare, Math.Min(spare, bandwidth * MostShare));
        return Math.Min(share, MostBytesPerSecond);
    }
}
