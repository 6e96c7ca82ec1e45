using Microsoft.Extensions.Logging;

namespace Forebay.Control.Rollout;

internal static partial class RolloutLog
{
    [LoggerMessage(2500, LogLevel.Information,
        "The rollout of {Model} to {Version} is {Phase} with a share of {Share}: {Reason}.")]
    public static partial void Moved(
        ILogger logger, string model, string version, string phase, double share, string reason);

    [LoggerMessage(2501, LogLevel.Error, "Rollouts could not be followed; they are looked at again in a second.")]
    public static partial void TickFailed(ILogger logger, Exception e);
}
