using Microsoft.Extensions.Logging;

namespace Forebay.Control.Concentration;

internal static partial class Log
{
    [LoggerMessage(2500, LogLevel.Warning,
        "Concentration group {Group} has {Share:P1} of what is {Measure}, above its cap of {Max:P1}: {Advice}.")]
    public static partial void CapPassed(
        ILogger logger, string group, string measure, double share, double max, string advice);

    [LoggerMessage(2501, LogLevel.Information,
        "Concentration group {Group} is within its cap on what is {Measure} again.")]
    public static partial void CapKept(ILogger logger, string group, string measure);

    [LoggerMessage(2502, LogLevel.Warning,
        "Concentration could not be looked at; what was found before stays until the next look.")]
    public static partial void NotLooked(ILogger logger, Exception problem);
}
