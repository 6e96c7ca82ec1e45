using Forebay.Core.Serving.Health;
using Forebay.Core.Time;

namespace Forebay.Core.Serving.Routing;

/// <summary>
/// What an engine's report tells a router that it cannot know of itself: how much of the engine's work others sent, and
/// how full its memory is. Folded once per report; counts in full until the next report is due, then less by the
/// second, and for nothing once <see cref="StaleIntervals"/> intervals have passed without one.
/// </summary>
/// <param name="Others">Requests at the engine that this gateway did not send.</param>
/// <param name="OthersWaiting">Those of them that wait in the engine's queue.</param>
/// <param name="KvTokens">Tokens that one replica's KV memory holds; 0 where that or its use is not known.</param>
/// <param name="KvOffsetTokens">KV memory asked for beyond what the requests sent from here account for; negative where
/// they share blocks or are shorter than thought. Over all replicas.</param>
/// <param name="OthersWaitNs">Time until those that wait of others have left its queue, at the rate at which it
/// finishes requests (Little's law); 0 where it does not say how fast it produces.</param>
/// <param name="AtNs">When it was read, on the monotonic clock.</param>
/// <param name="IntervalNs">Time between two reports.</param>
public sealed record ReportedLoad(
    double Others,
    double OthersWaiting,
    long KvTokens,
    double KvOffsetTokens,
    double OthersWaitNs,
    long AtNs,
    long IntervalNs)
{
    /// <summary>Far more than any engine holds: whatever one claims can be reckoned with.</summary>
    private const long MostKvTokens = 1_000_000_000_000;

    /// <summary>Before the first report, and where there is none.</summary>
    public static ReportedLoad None { get; } = new(0, 0, 0, 0, 0, 0, 1);

    /// <summary>After how many intervals without another a report says nothing any more.</summary>
    public const int StaleIntervals = 3;

    /// <summary>Folds a report.</summary>
    /// <param name="report">What the engine said.</param>
    /// <param name="oursAtMost">Most requests sent from here that it can have counted.</param>
    /// <param name="held">What requests from here hold or ask for there, in tokens.</param>
    /// <param name="promptTokens">What a prompt is on average.</param>
    /// <param name="answerTokens">And an answer.</param>
    /// <param name="prior">What is assumed of the deployment.</param>
    /// <param name="intervalNs">Time between two reports.</param>
    public static ReportedLoad Of(
        EngineReport report,
        int oursAtMost,
        double held,
        double promptTokens,
        double answerTokens,
        SpeedPrior prior,
        long intervalNs)
    {
        // A request of ours must never count as another's: what the engine counts beyond all that can be ours is
        // theirs, and as much of it waits as of all that is there.
        double there = report.Running + report.Waiting;
        double others = Math.Max(0, there - oursAtMost);
        double waiting = there > 0 ? others * report.Waiting / there : 0;
        double wait = report.GenerationTokensPerSecond is { } rate and > 0
            ? Math.Min(waiting * answerTokens / rate * Instant.NsPerSecond, StaleIntervals * (double)intervalNs)
            : 0;
        int replicas = Math.Max(1, prior.Replicas);
        long kv = report.KvCapacityTokens is { } said
            ? (long)Math.Min(said / replicas, MostKvTokens)
            : prior.KvTokens;
        if (report.KvUsageShare is not { } share || kv <= 0)
        {
            return new ReportedLoad(others, waiting, 0, 0, wait, report.AtNs, intervalNs);
        }

        // Who waits in the engine holds nothing yet and will.
        double asked = share * kv * replicas + report.Waiting * (promptTokens + answerTokens / 2);
        return new ReportedLoad(others, waiting, kv, asked - held, wait, report.AtNs, intervalNs);
    }

    /// <summary>How much of it still counts, 0 to 1.</summary>
    public double WeightAt(long nowNs)
    {
        double intervals = (nowNs - AtNs) / (double)Math.Max(1, IntervalNs);
        return Math.Clamp((StaleIntervals - intervals) / (StaleIntervals - 1), 0, 1);
    }
}
