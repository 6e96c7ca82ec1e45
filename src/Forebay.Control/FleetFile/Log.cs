using Microsoft.Extensions.Logging;

namespace Forebay.Control.FleetFile;

/// <summary>Log events of the fleet file: 2400 to 2499.</summary>
internal static partial class Log
{
    [LoggerMessage(2400, LogLevel.Information, "{File} was read again and is in force (load {Load}, sha256 {Sha256}).")]
    public static partial void FleetReloaded(this ILogger logger, string file, int load, string sha256);

    [LoggerMessage(2401, LogLevel.Error,
        "{File} has {Count} problem(s); the fleet in force stays until it is corrected:\n{Problems}")]
    public static partial void FleetKept(this ILogger logger, string file, int count, string problems);

    [LoggerMessage(2402, LogLevel.Warning, "{Key} {Change}: it takes effect when the server is started again.")]
    public static partial void FleetNeedsRestart(this ILogger logger, string key, string change);

    [LoggerMessage(2403, LogLevel.Warning,
        "Changes of {File} are not reported by the system ({Reason}); it is looked at every {Seconds} s.")]
    public static partial void FleetPolledOnly(this ILogger logger, string file, string reason, double seconds);

    [LoggerMessage(2404, LogLevel.Error, "{File} could not be put in force; the fleet in force stays.")]
    public static partial void FleetApplyFailed(this ILogger logger, Exception exception, string file);
}
