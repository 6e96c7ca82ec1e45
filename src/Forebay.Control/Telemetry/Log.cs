using Microsoft.Extensions.Logging;

namespace Forebay.Control.Telemetry;

/// <summary>Log events 2300-2399.</summary>
internal static partial class Log
{
    [LoggerMessage(2300, LogLevel.Warning, "A metric could not be read and is missing from this scrape.")]
    public static partial void ObservableFailed(this ILogger logger, Exception exception);

    [LoggerMessage(2301, LogLevel.Warning,
        "Instrument {Instrument} of meter {Meter} is left out: {Metric} is already there with another type.")]
    public static partial void NameTaken(this ILogger logger, string instrument, string meter, string metric);
}
