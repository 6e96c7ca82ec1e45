using System.Runtime.InteropServices;

namespace Forebay.Core.Serving.Routing;

/// <summary>
/// What the router reads of a deployment, on one cache line: published by <see cref="RouteLoad"/> whenever it changes,
/// read without a lock. A torn reading makes one decision a little worse, and entering checks the places again.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct RouteCell
{
    /// <summary>Until when prompts are computed whose first token is not seen by itself, on the monotonic clock.
    /// </summary>
    public long BusyUntilNs;

    /// <summary>Prompt tokens ahead: sent there with no first token yet, and others' as its engine reports them.
    /// </summary>
    public float QueuedTokens;

    /// <summary>Requests that its engine works on: those in flight, and others' as reported.</summary>
    public float Running;

    /// <summary>KV memory that is free on one of its replicas, in tokens; negative when more is asked for than there
    /// is, infinite where nothing recent is known of it.</summary>
    public float KvFreeTokens;

    /// <summary>Time until one more token of that memory is given back.</summary>
    public float KvTokenNs;

    /// <summary>Requests sent there and not ended; <see cref="AskState"/> where that does not say whether a place is
    /// free: as many as its adaptive limit allows, or it is out, on trial or recovering.</summary>
    public int Taken;

    /// <summary>Requests whose first token has not come: those sent there, and others' in its engine's queue.</summary>
    public float Waiting;

    /// <summary>Share of what is thought to be cached that turned out to be.</summary>
    public float CacheTruth;

    /// <summary>Time to first token: nanoseconds, per queued token, per request in flight.</summary>
    public float FirstTokenNs;
    public float QueuedTokenNs;
    public float InFlightNs;

    /// <summary>Time per output token: nanoseconds, per request in flight.</summary>
    public float OutputTokenNs;
    public float BatchNs;

    /// <summary>What a prompt of no tokens costs there, waits apart: its own time to first token and what it adds to
    /// others'. Kept so that a decision reads two numbers in place of six; see <see cref="Fold"/>.</summary>
    public float CostNs;

    /// <summary>What each uncached token of a prompt adds to that.</summary>
    public float TokenCostNs;

    /// <summary>More than can be in flight: the deployment's own counters say whether it has a place.</summary>
    public const int AskState = int.MaxValue;

    /// <summary>What a prompt sent now costs, the way there and back apart: <see cref="PredictFirstTokenNs"/> and
    /// <see cref="PredictDelayOfOthersNs"/>, as they were when the cell was written.</summary>
    /// <param name="promptTokens">The prompt.</param>
    /// <param name="uncachedTokens">What is not cached of it.</param>
    /// <param name="nowNs">The present.</param>
    public readonly float PredictCostNs(float promptTokens, float uncachedTokens, long nowNs) =>
        CostNs + TokenCostNs * uncachedTokens
            + Math.Max(0, BusyUntilNs - nowNs) + PredictMemoryWaitNs(promptTokens);

    /// <summary>Works out <see cref="CostNs"/> and <see cref="TokenCostNs"/> from the rest: call last.</summary>
    public void Fold()
    {
        CostNs = FirstTokenNs + QueuedTokenNs * QueuedTokens + 2 * InFlightNs * Running;
        TokenCostNs = QueuedTokenNs * (1 + Waiting);
    }

    /// <summary>Time to the first token of a prompt sent now, the way there and back apart.</summary>
    /// <param name="promptTokens">The prompt.</param>
    /// <param name="uncachedTokens">What is not cached of it.</param>
    /// <param name="nowNs">The present.</param>
    public readonly float PredictFirstTokenNs(float promptTokens, float uncachedTokens, long nowNs) =>
        FirstTokenNs + QueuedTokenNs * (QueuedTokens + uncachedTokens) + InFlightNs * Running
            + Math.Max(0, BusyUntilNs - nowNs) + PredictMemoryWaitNs(promptTokens);

    /// <summary>Time until as much KV memory has been given back as a prompt lacks; nothing where it fits.</summary>
    public readonly float PredictMemoryWaitNs(float promptTokens)
    {
        float lacking = promptTokens - KvFreeTokens;
        return lacking > 0 ? lacking * KvTokenNs : 0;
    }

    /// <summary>
    /// By how much a prompt sent now delays the first tokens of those that come after it, taken together: each that
    /// comes while it is computed by its uncached tokens, each that comes while it runs by what one more running
    /// request costs. By Little's law the former are as many as wait there now, the latter as many as are in flight.
    /// Who looks at their own time alone leaves this to others (Roughgarden and Tardos, "How Bad is Selfish Routing?",
    /// J. ACM 49, 2002).
    /// </summary>
    public readonly float PredictDelayOfOthersNs(float uncachedTokens) =>
        QueuedTokenNs * uncachedTokens * Waiting + InFlightNs * Running;

    /// <summary>Time per output token once one more request runs.</summary>
    public readonly float PredictOutputTokenNs => OutputTokenNs + BatchNs * (Running + 1);
}
