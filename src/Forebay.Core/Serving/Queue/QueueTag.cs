using Forebay.Core.Serving.Permission;

namespace Forebay.Core.Serving.Queue;

/// <summary>
/// All requests that may use the same deployments: per class a heap of tenants, by service and then age. Counters move
/// without telling the heap, nearly always up, so what a heap knows is a lower bound and is put right when it comes to
/// the top; the few that move down are told at once.
/// </summary>
internal sealed class QueueTag(EligibleSet set)
{
    private readonly KeyedHeap<Flow, Flow.ByService>[] _flows = [new(), new(), new()];
    private Predicate<Flow>? _isTagOf;
    private readonly int[] _waiting = new int[FairQueue.Classes];

    public EligibleSet Set { get; } = set;

    /// <summary>Tags with a deployment of this one's, itself included, and which share of their deployments that is.
    /// </summary>
    public Dictionary<QueueTag, double> Overlaps { get; } = [];

    public int Count { get; private set; }

    /// <summary>Cached by <see cref="FairQueue"/>: places that its deployments free per nanosecond, and as of when.
    /// </summary>
    public double RatePerNs { get; set; }

    public long RateAtNs { get; set; } = long.MinValue;

    /// <summary>Finds the flow of this tag among a tenant's, without allocating for it.</summary>
    public Predicate<Flow> IsTagOf => _isTagOf ??= f => ReferenceEquals(f.Tag, this);

    public int WaitingIn(int priority) => _waiting[priority];

    /// <summary>The tenant of a class that comes next, or null.</summary>
    public Flow? Next(int priority)
    {
        KeyedHeap<Flow, Flow.ByService> flows = _flows[priority];
        while (flows.Count > 0)
        {
            Flow top = flows.Top;
            long units = top.Backlog.Counter.Units;
            if (units == flows.TopKey)
            {
                return top;
            }

            flows.Update(top, units, top.Head.Sequence);
        }

        return null;
    }

    /// <summary>A request came to a flow or left it.</summary>
    public void Changed(Flow flow, int by)
    {
        int priority = (int)flow.Backlog.Class;
        _waiting[priority] += by;
        Count += by;
        if (flow.Count == 0)
        {
            _flows[priority].Remove(flow);
        }
        else if (flow.HeapIndex < 0)
        {
            _flows[priority].Add(flow, flow.Backlog.Counter.Units, flow.Head.Sequence);
        }
        else
        {
            Moved(flow);
        }
    }

    /// <summary>A flow's counter went down, or its head changed.</summary>
    public void Moved(Flow flow) =>
        _flows[(int)flow.Backlog.Class].Update(flow, flow.Backlog.Counter.Units, flow.Head.Sequence);

    /// <inheritdoc cref="FairQueue.Check"/>
    public void Check()
    {
        for (int c = 0; c < FairQueue.Classes; c++)
        {
            _flows[c].Check();
        }
    }
}
