using Forebay.Core.Time;

namespace Forebay.Simulation.Events;

/// <summary>A part of a simulated system: what it scheduled for itself, or was sent, comes back to it here.</summary>
public interface IEventTarget
{
    /// <summary>Handles an event. What follows from it is scheduled, now or later, never called back into the past.
    /// </summary>
    /// <param name="kind">What happens; numbers of the target's own.</param>
    /// <param name="subject">To what; numbers of the target's own.</param>
    /// <param name="now">Virtual time.</param>
    void Handle(int kind, long subject, Instant now);
}
