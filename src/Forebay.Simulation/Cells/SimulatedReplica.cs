using Forebay.Core.Serving.Engine;
using Forebay.Core.Time;
using Forebay.Simulation.Events;

namespace Forebay.Simulation.Cells;

/// <summary>One engine in virtual time: wakes the engine model when something next happens in it, and passes on what
/// did.</summary>
internal sealed class SimulatedReplica(EngineParameters parameters, EventLoop loop, Action<EngineEvent> happened)
    : IEventTarget
{
    private readonly List<EngineEvent> _events = [];
    private long _armedNs = long.MaxValue;
    private long _arming;

    public EngineModel Engine { get; } = new(parameters);

    public void Submit(in EngineRequest request, Instant now)
    {
        Engine.Submit(request, now);
        Advance(now);
    }

    void IEventTarget.Handle(int kind, long subject, Instant now)
    {
        // The engine has been armed anew since this was scheduled.
        if (subject == _arming)
        {
            _armedNs = long.MaxValue;
            Advance(now);
        }
    }

    private void Advance(Instant now)
    {
        Engine.Advance(now, _events);
        foreach (EngineEvent e in _events)
        {
            happened(e);
        }

        _events.Clear();
        long next = Engine.NextEventNs;
        if (next != _armedNs)
        {
            _armedNs = next;
            _arming++;
            if (next != long.MaxValue)
            {
                loop.At(next, this, 0, _arming);
            }
        }
    }
}
