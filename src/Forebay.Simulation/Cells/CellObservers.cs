using Forebay.Core.Errors;
using Forebay.Core.Time;

namespace Forebay.Simulation.Cells;

/// <summary>Several observers as one, told in order.</summary>
public sealed class CellObservers(IReadOnlyList<ICellObserver> all) : ICellObserver
{
    public void Arrived(int request, Instant now)
    {
        foreach (ICellObserver observer in all)
        {
            observer.Arrived(request, now);
        }
    }

    public void Refused(int request, Reason reason, Instant now)
    {
        foreach (ICellObserver observer in all)
        {
            observer.Refused(request, reason, now);
        }
    }

    public void Placed(int request, int deployment, Instant now)
    {
        foreach (ICellObserver observer in all)
        {
            observer.Placed(request, deployment, now);
        }
    }

    public void FirstToken(int request, int deployment, int cachedTokens, Instant now)
    {
        foreach (ICellObserver observer in all)
        {
            observer.FirstToken(request, deployment, cachedTokens, now);
        }
    }

    public void Finished(int request, int deployment, int outputTokens, Instant now)
    {
        foreach (ICellObserver observer in all)
        {
            observer.Finished(request, deployment, outputTokens, now);
        }
    }
}
