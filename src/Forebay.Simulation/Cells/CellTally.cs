using Forebay.Core.Errors;
using Forebay.Core.Time;

namespace Forebay.Simulation.Cells;

/// <summary>Keeps when what happened to each request of a run, for figures of any kind afterwards. 40 bytes a request.
/// </summary>
public sealed class CellTally(CellArrival[] arrivals) : ICellObserver
{
    private readonly CellTimes[] _times = new CellTimes[arrivals.Length];

    /// <summary>By request, in order of arrival.</summary>
    public IReadOnlyList<CellTimes> Times => _times;

    public void Arrived(int request, Instant now) =>
        _times[request] = new CellTimes { ArrivedNs = now.MonotonicNs, Deployment = -1 };

    public void Refused(int request, Reason reason, Instant now) => _times[request].Refused = reason;

    public void Placed(int request, int deployment, Instant now)
    {
        _times[request].PlacedNs = now.MonotonicNs;
        _times[request].Deployment = deployment;
    }

    public void FirstToken(int request, int deployment, int cachedTokens, Instant now)
    {
        _times[request].FirstTokenNs = now.MonotonicNs;
        _times[request].CachedTokens = cachedTokens;
    }

    public void Finished(int request, int deployment, int outputTokens, Instant now)
    {
        _times[request].FinishedNs = now.MonotonicNs;
        _times[request].OutputTokens = outputTokens;
    }
}

/// <summary>When what happened to a request, in virtual nanoseconds.</summary>
public struct CellTimes
{
    public long ArrivedNs { get; set; }

    public long PlacedNs { get; set; }

    public long FirstTokenNs { get; set; }

    public long FinishedNs { get; set; }

    public int CachedTokens { get; set; }

    public int OutputTokens { get; set; }

    /// <summary>Position in the model's list; -1 when it was placed nowhere.</summary>
    public int Deployment { get; set; }

    /// <summary>Why it was refused; none when it was served.</summary>
    public Reason Refused { get; set; }

    public readonly double TimeToFirstTokenMs => (FirstTokenNs - ArrivedNs) / (double)Instant.NsPerMs;

    /// <summary>Mean time between its tokens; meaningless below two.</summary>
    public readonly double TimePerOutputTokenMs =>
        (FinishedNs - FirstTokenNs) / (double)Instant.NsPerMs / Math.Max(1, OutputTokens - 1);

    public readonly double QueuedMs => (PlacedNs - ArrivedNs) / (double)Instant.NsPerMs;
}
