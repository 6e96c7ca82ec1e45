using Microsoft.Extensions.Logging;

namespace Forebay.Gateway.Health;

/// <summary>Log events of deployments' health: 1100 to 1199. One line for each change of state.</summary>
internal static partial class HealthLog
{
    [LoggerMessage(1100, LogLevel.Warning,
        "Deployment {Deployment} is left alone for {Seconds:0.#} s: {Cause} (last failure {Reason}).")]
    public static partial void Opened(
        ILogger logger, string deployment, double seconds, string cause, string reason);

    [LoggerMessage(1101, LogLevel.Error,
        "The provider refuses the account of deployment {Deployment}; it is left alone for {Seconds:0.#} s. Check " +
        "its credential and the account's balance.")]
    public static partial void AccountRefused(ILogger logger, string deployment, double seconds);

    [LoggerMessage(1102, LogLevel.Information,
        "Deployment {Deployment} gets trial requests after {Cause}.")]
    public static partial void HalfOpen(ILogger logger, string deployment, string cause);

    [LoggerMessage(1103, LogLevel.Information,
        "Deployment {Deployment} answers again and gets its places back over {Seconds:0.#} s.")]
    public static partial void Recovering(ILogger logger, string deployment, double seconds);

    [LoggerMessage(1104, LogLevel.Information, "Deployment {Deployment} takes all its requests again.")]
    public static partial void Closed(ILogger logger, string deployment);

    [LoggerMessage(1105, LogLevel.Information,
        "Deployment {Deployment} is at its provider's limit and gets no requests for {Seconds:0.#} s.")]
    public static partial void Paused(ILogger logger, string deployment, double seconds);

    [LoggerMessage(1106, LogLevel.Information,
        "Deployment {Deployment} knows no {Path} (status {Status}) and is not asked for it any more; name the path, " +
        "or off, under health in the fleet file.")]
    public static partial void NotAsked(ILogger logger, string deployment, string path, int status);

    [LoggerMessage(1107, LogLevel.Error, "Watching the deployments failed.")]
    public static partial void WatchFailed(ILogger logger, Exception exception);
}
