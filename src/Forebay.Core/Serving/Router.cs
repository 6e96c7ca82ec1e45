using System.Numerics;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;

namespace Forebay.Core.Serving;

/// <summary>What the router needs to know of a request.</summary>
/// <param name="NeedsTools">Tools are declared.</param>
/// <param name="NeedsImages">Images are part of the prompt.</param>
/// <param name="NeedsDocuments">Documents are part of the prompt.</param>
/// <param name="NeedsAudio">Audio is part of the prompt.</param>
/// <param name="EstimatedInputTokens">Estimated prompt size.</param>
/// <param name="MaxOutputTokens">Longest answer asked for, or null.</param>
public readonly record struct RoutingRequest(
    bool NeedsTools,
    bool NeedsImages,
    bool NeedsDocuments,
    bool NeedsAudio,
    long EstimatedInputTokens,
    long? MaxOutputTokens);

/// <summary>
/// Step 4, police, and step 7, route, in their first form: filter by permission and capability, then the least loaded.
/// Both are pure over the snapshot and the live counters, and cost one pass over the model's deployments.
/// </summary>
public static class Router
{
    /// <summary>An estimate may be this many times too high before a prompt is refused for its length.</summary>
    private const int EstimateSlack = 2;

    /// <summary>
    /// Finds the deployments that may serve a request. Fails closed: what is not allowed is left out, and when nothing
    /// is left the most specific reason is given.
    /// </summary>
    /// <param name="tenant">Who asks.</param>
    /// <param name="model">What for.</param>
    /// <param name="request">What it needs.</param>
    /// <param name="eligible">Filled with eligible deployments; at least as long as the model's list.</param>
    /// <param name="count">How many are eligible.</param>
    /// <returns><see cref="Reason.None"/> when at least one is eligible.</returns>
    public static Reason Police(
        Tenant tenant,
        ServedModel model,
        in RoutingRequest request,
        Span<Deployment> eligible,
        out int count)
    {
        count = 0;
        if (!IsCapable(model.Config, request))
        {
            return Reason.Capability;
        }

        foreach (Deployment deployment in model.Deployments)
        {
            if (tenant.Allows(deployment.Site))
            {
                eligible[count++] = deployment;
            }
        }

        return count > 0 ? Reason.None
            : model.Deployments.IsEmpty ? Reason.UpstreamUnavailable
            : Reason.Residency;
    }

    /// <summary>
    /// Picks the eligible deployment with the smallest share of its places taken, and takes a place there. One that
    /// speaks the client's dialect comes before one that does not, and those that are out after failures come last;
    /// between equal ones the tie breaker decides: requests with the same one go to the same of them.
    /// </summary>
    /// <param name="eligible">What <see cref="Police"/> found.</param>
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
            if (best is null
                || state.Of(best).TryEnter(state.Of(best).Places(best.Config.MaxConcurrency, nowMonotonicNs)))
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
            double load = live.InFlight / (double)live.Places(candidate.Config.MaxConcurrency, nowMonotonicNs);
            if (load >= 1)
            {
                continue;
            }

            // Loads are below 1: a translated answer beats one from a deployment that is out, and nothing else.
            double score = load
                + (candidate.Speaks(dialect) ? 0 : 1)
                + (live.IsOut(nowMonotonicNs) ? 2 : 0);
            if (score < bestScore)
            {
                best = candidate;
                bestScore = score;
            }
        }

        return best;
    }

    private static bool IsCapable(ModelConfig model, in RoutingRequest request) =>
        (!request.NeedsTools || model.Tools)
        && (!request.NeedsImages || Has(model, Modality.Image))
        && (!request.NeedsDocuments || Has(model, Modality.Document))
        && (!request.NeedsAudio || Has(model, Modality.Audio))
        && request.EstimatedInputTokens <= (long)model.ContextTokens * EstimateSlack;

    private static bool Has(ModelConfig model, Modality modality) =>
        Array.IndexOf(model.Modalities, modality) >= 0;
}
