using Forebay.Core.Fleet;
using Forebay.Core.Serving.Permission;

namespace Forebay.Core.Serving.Queue;

/// <summary>Why a waiting request is told something.</summary>
public enum QueueNotice : byte
{
    /// <summary>It holds a place now.</summary>
    Granted,

    /// <summary>Its deadline has come.</summary>
    Expired,

    /// <summary>It gave way to another in a full room.</summary>
    Displaced,

    /// <summary>Another fleet is in force: it still waits and must see what it may use now.</summary>
    FleetChanged,
}

/// <summary>A request of the live gateway that waits. Its members are called under the queue's lock: they must return
/// at once and call nothing of the queue's.</summary>
public abstract class QueueWaiter : QueueEntry
{
    /// <summary>The place that it was given; null until then.</summary>
    public Deployment? Place { get; internal set; }

    /// <summary>Seconds after which it may try again; where it was refused, expired or displaced.</summary>
    public int RetryAfterSeconds { get; internal set; }

    /// <summary>Chooses among the deployments of a set that have room, and takes a place there; null when none has.
    /// </summary>
    public abstract Deployment? Route(EligibleSet among, long nowNs);

    /// <summary>Gives the place back that <see cref="Route"/> took last, and tells nobody.</summary>
    public abstract void Undo();

    /// <summary>Tells it; at most once each, but for <see cref="QueueNotice.FleetChanged"/>.</summary>
    public abstract void Notify(QueueNotice notice);
}

/// <summary>What became of a request that asked for a place.</summary>
public enum QueueAnswer : byte
{
    /// <summary>It holds a place: nobody waits who could have used it.</summary>
    Entered,

    /// <summary>It waits, or was granted a place this moment: it is told.</summary>
    Waits,

    /// <summary>It would wait past its deadline.</summary>
    TooLate,

    /// <summary>The room is full, and nobody in it gives way to it.</summary>
    Full,
}
