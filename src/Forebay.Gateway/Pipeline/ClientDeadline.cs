using System.Globalization;
using Forebay.Core.Errors;
using Forebay.Core.Time;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Forebay.Gateway.Pipeline;

/// <summary>
/// How long the client will wait, where it says so: <c>x-forebay-deadline-ms</c>, or the time-out that the vendors' own
/// clients send in seconds. A request that cannot get a place within that time is better told at once.
/// </summary>
internal static class ClientDeadline
{
    public const string OurHeader = "x-forebay-deadline-ms";
    private const string VendorHeader = "x-stainless-timeout";
    private const long MostMs = 86_400_000;

    /// <summary>Reads it. What our own header says must make sense; a vendor's that does not is passed over.</summary>
    public static Failure Read(Exchange x)
    {
        IHeaderDictionary headers = x.Http.Request.Headers;
        if (headers.TryGetValue(OurHeader, out StringValues own))
        {
            if (!long.TryParse(own, NumberStyles.None, CultureInfo.InvariantCulture, out long ms)
                || ms is 0 or > MostMs)
            {
                return new Failure(
                    Reason.BadRequest,
                    $"{OurHeader}: a whole number of milliseconds from 1 to {MostMs} is expected.",
                    OurHeader);
            }

            x.ClientDeadlineNs = x.Accepted.MonotonicNs + ms * Instant.NsPerMs;
        }
        else if (headers.TryGetValue(VendorHeader, out StringValues vendors)
            && double.TryParse(
                vendors, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds)
            && seconds is > 0 and <= MostMs / 1000.0)
        {
            x.ClientDeadlineNs = x.Accepted.MonotonicNs + (long)(seconds * Instant.NsPerSecond);
        }

        return Failure.None;
    }
}
