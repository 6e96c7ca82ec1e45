namespace Forebay.Core.Serving.Links;

/// <summary>A link at one time, and until when that holds.</summary>
/// <param name="LatencyNs">Round-trip time that it adds, retransmissions included.</param>
/// <param name="NsPerByte">Time to send a byte; 0 where bandwidth is not limited.</param>
/// <param name="Available">Whether the site can be reached.</param>
/// <param name="NextOutageUnixMs">Wall time at which it next cannot be reached; now or earlier when it cannot be,
/// <see cref="long.MaxValue"/> when that is not foreseen.</param>
/// <param name="UntilUnixMs">Wall time until which this holds.</param>
public readonly record struct LinkState(
    double LatencyNs, double NsPerByte, bool Available, long NextOutageUnixMs, long UntilUnixMs)
{
    /// <summary>Nothing in the way, for ever.</summary>
    public static LinkState Ideal => new(0, 0, true, long.MaxValue, long.MaxValue);

    /// <summary>Time for a request of a size to get there and its answer's first byte back.</summary>
    public double NsFor(long bytes) => LatencyNs + NsPerByte * bytes;
}
