using Microsoft.Extensions.Logging;

namespace Forebay.Control.Batches;

/// <summary>What batches tell operators: ids and counts, never contents.</summary>
internal static partial class Log
{
    [LoggerMessage(4301, LogLevel.Information, "Batch {Batch} goes on: {Pending} of {Total} items are to be answered")]
    public static partial void TakenUp(this ILogger logger, string batch, int pending, int total);

    [LoggerMessage(4302, LogLevel.Error, "What is stored of batch {Batch} cannot be read, so it failed: {Problem}")]
    public static partial void Lost(this ILogger logger, string batch, string problem);

    [LoggerMessage(4303, LogLevel.Information,
        "Batch {Batch} ended: {Succeeded} succeeded, {Errored} errored, {Cancelled} cancelled, {Expired} expired")]
    public static partial void Ended(
        this ILogger logger, string batch, int succeeded, int errored, int cancelled, int expired);

    [LoggerMessage(4304, LogLevel.Error, "Batch {Batch} waits: the disk or the database refused ({Problem})")]
    public static partial void Waits(this ILogger logger, string batch, string problem);

    [LoggerMessage(4305, LogLevel.Error, "A pass over the batches failed")]
    public static partial void PassFailed(this ILogger logger, Exception failure);

    [LoggerMessage(4306, LogLevel.Information, "Removed {Files} contents that no batch or file needs")]
    public static partial void Swept(this ILogger logger, int files);

    [LoggerMessage(4307, LogLevel.Information, "The time of {Kind} {Id} is over; it was removed")]
    public static partial void Purged(this ILogger logger, string kind, string id);
}
