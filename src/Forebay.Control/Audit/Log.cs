using Microsoft.Extensions.Logging;

namespace Forebay.Control.Audit;

/// <summary>Log events 2050-2099.</summary>
internal static partial class Log
{
    [LoggerMessage(2050, LogLevel.Information, "Audit {Sequence}: {Action} on {Subject} by {Actor}; hash {Hash}.")]
    public static partial void Audited(
        this ILogger logger, long sequence, string action, string subject, string actor, string hash);

    [LoggerMessage(2051, LogLevel.Error, "The audit log could not be written for {Action} on {Subject}.")]
    public static partial void AuditUnwritable(
        this ILogger logger, Exception exception, string action, string subject);
}
