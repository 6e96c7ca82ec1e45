using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Links;
using Forebay.Core.Time;

namespace Forebay.Core.Serving.Routing;

/// <summary>
/// Writes down what the router sees, for requests whose decision is to be read back: the same cells, links and overlaps
/// that it decides by, read a moment before it does. Allocates; never called for others.
/// </summary>
public static class RouteExplanation
{
    /// <summary>Most candidates written down; the best ones by predicted time to first token.</summary>
    public const int MaxCandidates = 64;

    /// <summary>Excludes a candidate whose pool's quota has no room for the request.</summary>
    public const string OutOfQuota = "quota";

    private const string Full = "full";
    private const string Failing = "failing";

    /// <summary>Reads every candidate's terms. The scratch space's overlaps must be the prompt's.</summary>
    public static RouteCandidate[] Read(in RouteQuery query, RouteTable table, RouteScratch scratch, Instant now)
    {
        var candidates = new RouteCandidate[table.Count];
        foreach (SiteGroup group in table.Sites)
        {
            LinkState link = group.LinkAt(now.WallUnixMs);
            double wayNs = link.NsFor(query.BodyBytes) + group.Site.PathNs(query.Region);
            for (int i = group.Start; i < group.End; i++)
            {
                candidates[i] = Of(query, table, scratch, i, link, wayNs, now);
            }
        }

        if (Array.Exists(candidates, c => c.OutOfOrder != Failing && c.ExcludedBy is null or Full))
        {
            // As the router has it: one that is out is only for requests that nobody else may serve.
            for (int i = 0; i < candidates.Length; i++)
            {
                RouteCandidate c = candidates[i];
                candidates[i] = c.OutOfOrder == Failing ? c with { ExcludedBy = c.ExcludedBy ?? Failing } : c;
            }
        }

        return candidates;
    }

    /// <summary>Says what decided between them.</summary>
    public static RouteDecision Decided(RouteCandidate[] candidates, RoutingConfig config, string? chosen)
    {
        string policy = ConfigShape.Of(typeof(RoutingPolicy)).WordOf(config.Policy);
        RouteCandidate? won = Array.Find(candidates, c => c.Deployment == chosen);
        RouteCandidate[] shown =
        [
            .. candidates
                .OrderByDescending(c => c == won)
                .ThenByDescending(c => c.ExcludedBy is null)
                .ThenByDescending(c => c.OutOfOrder is null)
                .ThenBy(c => c.FirstTokenMs)
                .Take(MaxCandidates),
        ];
        return new RouteDecision(policy, shown, chosen, won is null
            ? "no candidate had a place for it: each was tried, full, out of quota, failing or out of reach"
            : Why(won, candidates, config));
    }

    private static string Why(RouteCandidate won, RouteCandidate[] candidates, RoutingConfig config)
    {
        if (config.Policy != RoutingPolicy.Predictive)
        {
            return "by the policy selected for comparison";
        }

        RouteCandidate[] others =
        [
            .. candidates.Where(c => c != won && c.ExcludedBy is null
                && (c.OutOfOrder is null || won.OutOfOrder is not null)),
        ];
        if (others.Length == 0)
        {
            return candidates.Any(c => c != won && c.ExcludedBy is null)
                ? "the only one that comes first: the rest speak another dialect, failed lately or will be cut off"
                : "the only candidate with a place";
        }

        double limit = won.CostMs + Math.Max(config.ToleranceMs, won.CostMs * config.ToleranceShare);
        RouteCandidate[] rivals = [.. others.Where(c => c.CostMs <= limit)];
        return rivals.Length == 0
            ? won.OthersMs > 0 && others.Any(c => c.FirstTokenMs < won.FirstTokenMs)
                ? "least predicted time to first token, its own and what it adds to others'"
                : "least predicted time to first token"
            : rivals.All(c => c.TokenMs > won.TokenMs) ? "as good as the best to first token, and fastest per token"
            : rivals.Any(c => c.PriceMicros > won.PriceMicros) && rivals.All(c => c.PriceMicros >= won.PriceMicros)
                ? "as good as the best in time, and cheapest"
            : "one of several as good as each other, by turns";
    }

    /// <summary>What is no number, such as the way over a link that is down, is -1.</summary>
    private static double Ms(double ns) => double.IsFinite(ns) ? Math.Round(ns / Instant.NsPerMs, 4) : -1;

    private static RouteCandidate Of(
        in RouteQuery query,
        RouteTable table,
        RouteScratch scratch,
        int index,
        LinkState link,
        double wayNs,
        Instant now)
    {
        Deployment deployment = table.Deployments[index];
        DeploymentState state = table.States[index];
        RouteCell cell = table.Memory.Cells[table.Facts[index].Number];
        long cached = Router.Cached(query.InputTokens, cell, scratch.Overlaps[table.Facts[index].Number]);
        float firstNs = cell.PredictFirstTokenNs(query.InputTokens, query.InputTokens - cached, now.MonotonicNs);
        double prefillNs = cell.FirstTokenNs + (double)cell.QueuedTokenNs * (query.InputTokens - cached);
        int places = Router.Places(table, index, now.MonotonicNs);
        double leftNs = (link.NextOutageUnixMs - (double)now.WallUnixMs) * Instant.NsPerMs;
        return new RouteCandidate(
            deployment.Id,
            deployment.Site.Id,
            query.Tried.Contains(deployment.Index) ? "tried"
                : !link.Available ? "link"
                : state.InFlight >= places ? Full
                : null,
            state.IsOut(now.MonotonicNs) ? Failing
                : wayNs + firstNs + query.OutputTokens * cell.PredictOutputTokenNs > leftNs ? "outage"
                : !deployment.Speaks(query.Dialect) ? "dialect"
                : null,
            Ms(wayNs),
            Ms(Math.Max(0, firstNs - prefillNs)),
            Ms(prefillNs),
            Ms(wayNs + firstNs),
            Ms(cell.PredictDelayOfOthersNs(query.InputTokens - cached)),
            Ms(cell.PredictOutputTokenNs),
            Router.Price(query, deployment, now),
            cached,
            state.InFlight,
            places);
    }
}
