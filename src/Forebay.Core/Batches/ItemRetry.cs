using Forebay.Core.Errors;

namespace Forebay.Core.Batches;

/// <summary>What becomes of an item whose run failed.</summary>
public enum ItemVerdict : byte
{
    /// <summary>The failure is its answer.</summary>
    Final,

    /// <summary>There was no room for it: again, and this attempt does not count.</summary>
    NoRoom,

    /// <summary>It may go better another time.</summary>
    Again,
}

/// <summary>Which failures of an item's run are its answer. A batch has a day, so what passes is waited out.</summary>
public static class ItemRetry
{
    private const long FirstPauseMs = 1_000;
    private const long LongestPauseMs = 60_000;

    public static ItemVerdict Of(Reason reason) => reason switch
    {
        Reason.Overloaded or Reason.QueueTimeout or Reason.Draining or Reason.MemoryBudget
            or Reason.JournalUnavailable => ItemVerdict.NoRoom,
        Reason.UpstreamUnavailable or Reason.UpstreamOverloaded or Reason.UpstreamAccount or Reason.UpstreamTimeout
            or Reason.UpstreamProtocol or Reason.UpstreamCut or Reason.Internal or Reason.ClientGone
            or Reason.ClientStalled => ItemVerdict.Again,
        _ => ItemVerdict.Final,
    };

    /// <summary>How long an item waits before it is tried again: a second, doubled each time up to a minute.</summary>
    public static long PauseMs(int attempt) => Math.Min(FirstPauseMs << Math.Clamp(attempt - 1, 0, 10), LongestPauseMs);
}
