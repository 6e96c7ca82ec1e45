using System.Numerics;
using Forebay.Core.Fleet;

namespace Forebay.Core.Serving.Routing;

/// <summary>
/// Step 7, route, in its first form: the least loaded. Pure over the snapshot and the live counters; costs one pass
/// over the eligible deployments.
/// </summary>
public static class Router
{
    /// <summary>
    /// Picks the eligible deployment with the smallest share of its places taken, and takes a place there. One that
    /// speaks the client's dialect comes before one that does not, and those that are out after failures come last;
    /// between equal ones the tie breaker decides: requests with the same one go to the same of them.
    /// </summary>
    /// <param name="eligible">What police found.</param>
    /// <param name="state">Live counters.</param>
    /// <param name="dialect">Wire format of the client.</param>
    /// <param name="tried">Indexes of deployments already tried for this request.</param>
    /// <param name="nowMonotonicNs">The present.</param>
    /// <param name="tieBreaker">The request's number, for turns, or a hash of its prefix, for affinity.</param>
    /// <returns>The deployment entered, or null when every untried one is full.</returns>
    public static Deployment? Enter(
        ReadOnlySpan<Deployment> eligible,
        FleetState state,
        Dialect dialect,
        ReadOnlySpan<int> tried,
        long nowMonotonicNs,
        uint tieBreaker)
    {
        // A place can be lost to a racing request between choosing and entering: then choose again.
        for (int round = 0; round <= eligible.Length; round++)
        {
            Deployment? best = LeastLoaded(eligible, state, dialect, tried, nowMonotonicNs, tieBreaker);
            if (best is null || state.Of(best).TryEnter(best.Config.MaxConcurrency))
            {
                return best;
            }
        }

        return null;
    }

    /// <summary>
    /// What decides between equally loaded deployments: the prompt's prefix where it has one, so that a conversation
    /// comes back to the engine that still holds its beginning, else the request's number. The prefix that counts is
    /// the longest power of two of blocks: prompts that share a short beginning alone spread, and a conversation moves
    /// only when it has doubled.
    /// </summary>
    /// <param name="prefixHashes">Chained hashes of the prompt's blocks, from its start.</param>
    /// <param name="requestNumber">The request's number.</param>
    public static uint TieBreaker(ReadOnlySpan<ulong> prefixHashes, uint requestNumber) => prefixHashes.IsEmpty
        ? requestNumber
        : (uint)prefixHashes[(1 << BitOperations.Log2((uint)prefixHashes.Length)) - 1];

    private static Deployment? LeastLoaded(
        ReadOnlySpan<Deployment> eligible,
        FleetState state,
        Dialect dialect,
        ReadOnlySpan<int> tried,
        long nowMonotonicNs,
        uint tieBreaker)
    {
        Deployment? best = null;
        double bestScore = double.PositiveInfinity;
        int offset = eligible.IsEmpty ? 0 : (int)(tieBreaker % (uint)eligible.Length);
        for (int i = 0; i < eligible.Length; i++)
        {
            Deployment candidate = eligible[(i + offset) % eligible.Length];
            if (tried.Contains(candidate.Index))
            {
                continue;
            }

            DeploymentState live = state.Of(candidate);
            double load = live.InFlight / (double)candidate.Config.MaxConcurrency;
            if (load >= 1)
            {
                continue;
            }

            // Loads are below 1: a translated answer beats one from a deployment that is out, and nothing else.
            double score = load
                + (candidate.Speaks(dialect) ? 0 : 1)
                + (live.DownUntilMonotonicNs > nowMonotonicNs ? 2 : 0);
            if (score < bestScore)
            {
                best = candidate;
                bestScore = score;
            }
        }

        return best;
    }
}
