using Forebay.Core.Serving.Permission;

namespace Forebay.Core.Serving.Queue;

/// <summary>
/// One deployment as the queue sees it: the tags that may use it, which classes were passed over there, and how long a
/// place there is held.
/// </summary>
internal sealed class QueuePlace
{
    /// <summary>Weight of the latest request in the mean of how long places are held.</summary>
    private const double Latest = 1.0 / 16;

    private double _heldNs;

    /// <summary>Tags that may use it, with or without requests.</summary>
    public List<QueueTag> Tags { get; } = [];

    /// <summary>The set of this deployment alone, once one was asked for.</summary>
    public EligibleSet? Only { get; set; }

    /// <summary>Per class: grants here to other classes since it last got one, while it waited.</summary>
    public int[] Passed { get; } = new int[FairQueue.Classes];

    /// <summary>Requests that it may serve at once, as last told.</summary>
    public int Places { get; private set; }

    /// <summary>Nanoseconds that a request holds a place, in the mean; 0 before one was served.</summary>
    public double HeldNs => Volatile.Read(ref _heldNs);

    /// <summary>Places freed per nanosecond while all are taken (Little's law); 0 when not known.</summary>
    public double RatePerNs => HeldNs > 0 ? Places / HeldNs : 0;

    /// <summary>A request was served. Safe beside everything else; of two at once one may go uncounted.</summary>
    public void Served(int places, long heldNs)
    {
        Places = places;
        double mean = HeldNs;
        double held = Math.Max(1, heldNs);
        Volatile.Write(ref _heldNs, mean == 0 ? held : mean + Latest * (held - mean));
    }
}
