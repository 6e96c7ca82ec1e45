using Forebay.Core.Limits;

namespace Forebay.Core.Serving.Queue;

/// <summary>
/// The service that one tenant got from one model: the virtual token counter of VTC (Sheng et al., "Fairness in Serving
/// Large Language Models", OSDI 2024, section 4). Service is uncached input tokens plus twice the output tokens,
/// divided by the tenant's weight. Charging is one atomic addition, whatever waits.
/// </summary>
public sealed class ServiceCounter
{
    /// <summary>What an output token counts, in input tokens.</summary>
    public const int OutputWeight = 2;

    /// <summary>Virtual units of one token at weight 1: weights of 0.01 to 1,000 stay whole numbers.</summary>
    private const double UnitsAtWeightOne = 1000;

    /// <summary>Most tokens of one charge: far above any context, so that an absurd count cannot overflow.</summary>
    private const long MostTokens = 1L << 30;

    private const long Saturated = long.MaxValue / 2;

    private readonly Backlog?[] _backlogs = new Backlog?[FairQueue.Classes];
    private long _units;
    private long _unitsPerToken = (long)UnitsAtWeightOne;
    private int _lifts;

    /// <summary>Service so far in virtual units: comparable between the tenants of a model, meaningless otherwise.
    /// </summary>
    public long Units => Volatile.Read(ref _units);

    /// <summary>How often it was lifted. What was charged before a lift is not given back after it.</summary>
    public int Lifts => Volatile.Read(ref _lifts);

    /// <summary>The tenant's share beside others of its class, above 0.</summary>
    public double Weight
    {
        get => UnitsAtWeightOne / UnitsPerToken;
        set => Volatile.Write(ref _unitsPerToken, Math.Max(1, (long)Math.Round(UnitsAtWeightOne / value)));
    }

    /// <summary>Virtual units of one input token.</summary>
    public long UnitsPerToken => Volatile.Read(ref _unitsPerToken);

    /// <summary>The service of so many tokens, in virtual units of this tenant.</summary>
    public long UnitsOf(long inputTokens, long outputTokens) => UnitsPerToken
        * (Math.Clamp(inputTokens, 0, MostTokens) + OutputWeight * Math.Clamp(outputTokens, 0, MostTokens));

    /// <summary>Adds service.</summary>
    public void Charge(long inputTokens, long outputTokens) => Add(UnitsOf(inputTokens, outputTokens));

    internal void Add(long units)
    {
        if (Interlocked.Add(ref _units, units) > Saturated)
        {
            // Past 2^62 units tenants are equal; at a million tokens a second that is after a hundred years.
            Volatile.Write(ref _units, Saturated);
        }
    }

    /// <summary>Raises it to a floor: who was away is not credited for it.</summary>
    internal void Lift(long floor)
    {
        long seen = Units;
        while (seen < floor)
        {
            long found = Interlocked.CompareExchange(ref _units, floor, seen);
            if (found == seen)
            {
                Interlocked.Increment(ref _lifts);
                return;
            }

            seen = found;
        }
    }

    /// <summary>What of it waits in a class; null when nothing ever did. Only under the queue's order.</summary>
    internal Backlog? Waiting(PriorityClass priority) => _backlogs[(int)priority];

    internal Backlog BacklogOf(PriorityClass priority) =>
        _backlogs[(int)priority] ??= new Backlog(this, priority);
}

/// <summary>What one tenant has waiting in one class.</summary>
internal sealed class Backlog(ServiceCounter counter, PriorityClass priority)
{
    public ServiceCounter Counter { get; } = counter;

    public PriorityClass Class { get; } = priority;

    /// <summary>Its requests by tag; only those that hold some.</summary>
    public List<Flow> Flows { get; } = new(1);

    public int Waiting { get; set; }

    /// <summary>The weight that it was listed with: a reload may change the counter's.</summary>
    public double ListedWeight { get; set; }

    public Backlog? Previous { get; set; }

    public Backlog? Next { get; set; }

    /// <summary>The youngest that never left; where all came back, one of the younger.</summary>
    public QueueEntry? Newest()
    {
        QueueEntry? newest = null;
        foreach (Flow flow in Flows)
        {
            newest = flow.Last is { } last && (newest is null || last.Sequence > newest.Sequence) ? last : newest;
        }

        return newest ?? Flows.Find(f => f.Returned?.Count > 0)?.Returned!.Bottom;
    }
}
