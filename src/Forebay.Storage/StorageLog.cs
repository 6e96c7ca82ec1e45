using Microsoft.Extensions.Logging;

namespace Forebay.Storage;

/// <summary>Every event that storage logs.</summary>
internal static partial class StorageLog
{
    [LoggerMessage(3001, LogLevel.Error, "The usage journal in {Folder} cannot be written; no request is accepted "
        + "until it can. Free space on its disk, or look at the disk")]
    public static partial void JournalUnwritable(ILogger logger, string folder, Exception cause);

    [LoggerMessage(3002, LogLevel.Warning, "The usage journal in {Folder} can be written again, after {Seconds:F1} s")]
    public static partial void JournalWritable(ILogger logger, string folder, double seconds);

    [LoggerMessage(3003, LogLevel.Debug, "Journal segment {File} could not be started: {Cause}")]
    public static partial void SegmentNotStarted(ILogger logger, string file, string cause);

    [LoggerMessage(3004, LogLevel.Error, "Request {RequestId:x32} was settled without being open; it is counted once. "
        + "This is a defect: please report it")]
    public static partial void SettledTwice(ILogger logger, UInt128 requestId);

    [LoggerMessage(3005, LogLevel.Critical, "The usage of request {RequestId:x32} was lost: the journal could not be "
        + "written and too much was waiting for it. At the next start it is recorded as interrupted")]
    public static partial void SettleLost(ILogger logger, UInt128 requestId);

    [LoggerMessage(3006, LogLevel.Error, "Journal damage in {File} at byte {Offset}, {Bytes} bytes: {Cause}. Restore "
        + "a backup if its usage matters")]
    public static partial void JournalDamaged(ILogger logger, string file, long offset, long bytes, string cause);

    [LoggerMessage(3007, LogLevel.Warning, "{Count} requests were in flight when the last process ended; they are "
        + "recorded as interrupted, at no charge")]
    public static partial void Interrupted(ILogger logger, int count);

    [LoggerMessage(3008, LogLevel.Error, "Usage could not be folded into the ledger; it stays in the journal and is "
        + "folded once this is cured")]
    public static partial void FoldFailed(ILogger logger, Exception cause);

    [LoggerMessage(3009, LogLevel.Error, "Request {RequestId:x32} reported implausible usage; it was cut to the "
        + "largest plausible value")]
    public static partial void Implausible(ILogger logger, UInt128 requestId);

    [LoggerMessage(3010, LogLevel.Information, "Journal segment {File} was removed: its requests are in the ledger "
        + "and past retention")]
    public static partial void SegmentRemoved(ILogger logger, string file);

    [LoggerMessage(3011, LogLevel.Information, "Database brought from version {From} to {To}")]
    public static partial void Migrated(ILogger logger, int from, int to);
}
