using Forebay.Core.Limits;
using Forebay.Core.Time;
using Forebay.Gateway.Pipeline;
using Microsoft.Extensions.Logging;

namespace Forebay.Gateway.Telemetry;

/// <summary>
/// One line per failed request. Requests that no key speaks for are anybody's: of those only so many a minute get a
/// line, so that a stranger cannot fill the disk; the rest are counted.
/// </summary>
internal sealed class FailureLog(ILogger logger, GatewayMetrics metrics, TimeProvider time)
{
    /// <summary>Lines that strangers may cause, saved up for a minute and refilled continuously.</summary>
    public const int StrangersLinesPerMinute = 600;

    private readonly TokenBucket _strangers = new();

    public void Write(Exchange x, Failure failure)
    {
        if (x.Key is null && !_strangers.TryTake(1, StrangersLinesPerMinute, Instant.From(time), out _))
        {
            metrics.LineDropped();
            return;
        }

        Log.RequestFailed(logger, x, failure);
    }
}
