using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Links;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;
using Forebay.Core.Usage;

namespace Forebay.UnitTests.Core.Serving.Routing;

/// <summary>The rule of docs/reference/routing.md, "Who is best", stated as plainly as it can be: every candidate looked at in
/// full from its own counters, nothing left out early, nothing kept from one step for the next.</summary>
internal static class PlainRule
{
    private const float TierNs = 1e13f;

    /// <summary>The candidate to send to; negative when there is none.</summary>
    public static int Choose(
        in RouteQuery query, RouteTable table, RoutingConfig config, OverlapMap overlaps, Instant now)
    {
        var open = new List<Candidate>();
        bool anyIn = false;
        for (int i = 0; i < table.Count; i++)
        {
            Deployment deployment = table.Deployments[i];
            DeploymentState state = table.States[i];
            SiteGroup group = table.Sites.Single(s => i >= s.Start && i < s.End);
            LinkState link = group.LinkAt(now.WallUnixMs);
            if (query.Tried.Contains(deployment.Index) || !link.Available)
            {
                continue;
            }

            bool isOut = state.IsOut(now.MonotonicNs);
            anyIn |= !isOut;
            if (state.InFlight < state.Places(deployment.Config.MaxConcurrency, now.MonotonicNs))
            {
                open.Add(Score(query, table, i, link, isOut, overlaps, now));
            }
        }

        if (open.Count == 0 || (anyIn && open.All(c => c.Tier >= 4)))
        {
            return -1;
        }

        // Order, then time to first token; then time per token, price, what is cached, turns.
        int tier = open.Min(c => c.Tier);
        open.RemoveAll(c => c.Tier > tier);
        float best = open.Min(c => c.Score);
        float behind = best - tier * TierNs;
        float limit = best + Math.Max((float)(config.ToleranceMs * 1e6), (float)(behind * config.ToleranceShare));
        open.RemoveAll(c => c.Score > limit);
        float least = open.Min(c => c.TokenNs);
        float most = (float)(least + Math.Max(
            least * config.ToleranceShare, config.ToleranceMs * 1e6 / Math.Max(1, query.OutputTokens)));
        open.RemoveAll(c => c.TokenNs > most);
        long price = open.Min(c => c.Price);
        open.RemoveAll(c => c.Price > price);
        int held = open.Max(c => c.Held);
        open.RemoveAll(c => c.Held < held);
        return open[(int)(Spread(query.Number) % (uint)open.Count)].Index;
    }

    private static Candidate Score(
        in RouteQuery query,
        RouteTable table,
        int index,
        LinkState link,
        bool isOut,
        OverlapMap overlaps,
        Instant now)
    {
        Deployment deployment = table.Deployments[index];
        RouteCell cell = table.Memory.Cells[table.Loads[index].Number];
        int held = overlaps[table.Loads[index].Number];
        float uncached = held == 0
            ? query.InputTokens
            : Math.Max(1, query.InputTokens - held * (RoutingMemory.TokensPerBlock * cell.CacheTruth));
        SiteGroup group = table.Sites.Single(s => index >= s.Start && index < s.End);
        float way = (float)(link.NsFor(query.BodyBytes) + group.Site.PathNs(query.Region));
        float end = way + cell.PredictFirstTokenNs(query.InputTokens, uncached, now.MonotonicNs)
            + (float)query.OutputTokens * cell.PredictOutputTokenNs;
        bool isCut = link.NextOutageUnixMs != long.MaxValue
            && end > (float)((link.NextOutageUnixMs - (double)now.WallUnixMs) * 1e6);
        int tier = (deployment.Speaks(query.Dialect) ? 0 : 1) + (isCut ? 2 : 0) + (isOut ? 4 : 0);
        float cost = way + cell.PredictCostNs(query.InputTokens, uncached, now.MonotonicNs);
        long price = deployment.Config.Cost.Length == 0
            ? 0
            : deployment.Cost.At(now.WallUnixMs).Of(new TokenUsage(query.InputTokens, 0, 0, (long)query.OutputTokens));
        return new Candidate(
            index, tier, Math.Min(cost, 0.9f * TierNs) + tier * TierNs, cell.PredictOutputTokenNs, price, held);
    }

    /// <summary>The finaliser of MurmurHash3.</summary>
    private static uint Spread(uint number)
    {
        number = (number ^ (number >> 16)) * 0x85ebca6b;
        number = (number ^ (number >> 13)) * 0xc2b2ae35;
        return number ^ (number >> 16);
    }

    private sealed record Candidate(int Index, int Tier, float Score, float TokenNs, long Price, int Held);
}
