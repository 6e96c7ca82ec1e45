using Forebay.Core.Fleet;
using Forebay.Core.Serving.Links;
using Forebay.Core.Time;
using Forebay.Core.Usage;

namespace Forebay.Core.Serving.Routing;

/// <summary>
/// Step 7, route: chooses a deployment among those that may serve a request, and takes a place there. Pure over the
/// table, the live cells and what is passed in; nothing is allocated. Two levels: the way to each site first, which
/// leaves out those that cannot be reached and those too far to win; then the deployments of those that remain.
/// </summary>
public static class Router
{
    /// <summary>A deployment of another dialect comes after all of the client's; one whose site will be cut off before
    /// the answer is done after those, and one that is out last of all. Far above any time to first token.</summary>
    internal const float TierNs = 1e13f;

    /// <summary>The first tier of those that are out.</summary>
    internal const int OutTier = 4;

    /// <summary>Predictions beyond this are the same: a tier is never passed by a time.</summary>
    internal const float MostNs = 0.9f * TierNs;

    internal const float Never = float.PositiveInfinity;

    private const int Rounds = 16;

    /// <summary>
    /// Looks up what each deployment's cache holds of a prompt.
    /// </summary>
    /// <param name="memory">Prefix index and clocks.</param>
    /// <param name="config">The policy, and the size of the index should it have to be made.</param>
    /// <param name="prefix">Chained hashes of the prompt's blocks.</param>
    /// <param name="overlaps">Cleared, then filled.</param>
    public static void LookUp(
        RoutingMemory memory, RoutingConfig config, ReadOnlySpan<ulong> prefix, OverlapMap overlaps)
    {
        overlaps.Clear();
        if (config.Policy == RoutingPolicy.CacheAware)
        {
            memory.Trees.Match(prefix, overlaps);
        }
        else if (!prefix.IsEmpty)
        {
            memory.Index(config.PrefixBlocks).Match(prefix, memory.Clocks, overlaps);
        }
    }

    /// <summary>Notes where a prompt went, once it is sent.</summary>
    public static void Remember(
        RoutingMemory memory, RoutingConfig config, ReadOnlySpan<ulong> prefix, in Route route)
    {
        if (config.Policy == RoutingPolicy.CacheAware)
        {
            memory.Trees.Insert(prefix, route.Load.Number);
        }
        else if (!prefix.IsEmpty && route.Load.Number < PrefixIndex.MaxDeployments)
        {
            memory.Index(config.PrefixBlocks).Insert(prefix, route.Load.Number, ref memory.Clocks[route.Load.Number]);
        }
    }

    /// <summary>
    /// Chooses and takes a place.
    /// </summary>
    /// <param name="query">The request.</param>
    /// <param name="table">Who may serve it.</param>
    /// <param name="config">How to choose.</param>
    /// <param name="scratch">Its overlaps say what the caches hold of the prompt.</param>
    /// <param name="now">The present.</param>
    /// <param name="route">Where it goes.</param>
    /// <returns>False when every candidate that was not tried is full or cannot be reached.</returns>
    public static bool TryEnter(
        in RouteQuery query,
        RouteTable table,
        RoutingConfig config,
        RouteScratch scratch,
        Instant now,
        out Route route)
    {
        // A place can be lost to a racing request between choosing and entering: then choose again.
        for (int round = 0; round < Rounds + table.Count; round++)
        {
            int chosen = Choose(query, table, config, scratch, now);
            if (chosen < 0)
            {
                break;
            }

            DeploymentState state = table.States[chosen];
            if (state.TryEnter(Places(table, chosen, now.MonotonicNs)))
            {
                route = Take(query, table, scratch, chosen, now);
                return true;
            }

            table.Loads[chosen].Publish();
        }

        route = default;
        return false;
    }

    /// <summary>The candidate that <see cref="TryEnter"/> would try to enter; negative when there is none.</summary>
    public static int Choose(
        in RouteQuery query,
        RouteTable table,
        RoutingConfig config,
        RouteScratch scratch,
        Instant now)
    {
        scratch.Reserve(table.Count);
        return config.Policy == RoutingPolicy.Predictive
            ? ChoosePredicted(query, table, config, scratch, now)
            : Baselines.Choose(query, table, config.Policy, scratch, now);
    }

    private static int ChoosePredicted(
        in RouteQuery query,
        RouteTable table,
        RoutingConfig config,
        RouteScratch scratch,
        Instant now)
    {
        var tolerance = new Tolerance(config);
        float best = ScoreAll(query, table, scratch, now, tolerance);
        return best == Never ? -1 : Among(query, table, config, scratch, tolerance.LimitOf(best), now);
    }

    /// <summary>Predicts every candidate's time to first token and adds by how much it would delay others'; those that
    /// are out of the question get <see cref="Never"/>. Returns the least.</summary>
    private static float ScoreAll(
        in RouteQuery query,
        RouteTable table,
        RouteScratch scratch,
        Instant now,
        Tolerance tolerance)
    {
        Span<float> scores = scratch.Scores;
        float best = Never;
        float limit = Never;
        bool anyIn = false;
        ReadOnlySpan<SiteGroup> sites = table.Sites.AsSpan();
        for (int i = 0; i < sites.Length; i++)
        {
            ref readonly SiteGroup group = ref sites[i];
            double path = group.Site.PathNs(query.Region);
            float leftNs = Never;
            bool available = true;
            if (group.Link is { } schedule)
            {
                LinkState link = group.Site.LinkAt(schedule, now.WallUnixMs);
                path += link.NsFor(query.BodyBytes);
                available = link.Available;
                leftNs = link.NextOutageUnixMs == long.MaxValue
                    ? Never
                    : (float)((link.NextOutageUnixMs - (double)now.WallUnixMs) * Instant.NsPerMs);
            }

            // Nobody there is quicker than the way, and the limit only ever comes down.
            float way = Math.Min((float)path, MostNs);
            if (!available || way > limit)
            {
                scores[group.Start..group.End].Fill(Never);
                continue;
            }

            float least = ScoreSite(query, table, scratch, group, now.MonotonicNs, way, leftNs, ref anyIn);
            if (least < best)
            {
                best = least;
                limit = tolerance.LimitOf(best);
            }
        }

        // One that is out is for requests that nobody else may serve, not for those that could wait a little.
        return anyIn && best >= OutTier * TierNs ? Never : best;
    }

    /// <summary>Scores the candidates of a site, and returns the least. The loop that every deployment of a model
    /// costs: what does not change is read before it.</summary>
    private static float ScoreSite(
        in RouteQuery query,
        RouteTable table,
        RouteScratch scratch,
        in SiteGroup group,
        long nowNs,
        float wayNs,
        float leftNs,
        ref bool anyIn)
    {
        int count = group.End - group.Start;
        ReadOnlySpan<RouteFacts> facts = table.Facts.Slice(group.Start, count);
        Span<float> scores = scratch.Scores.AsSpan(group.Start, count);
        ReadOnlySpan<RouteCell> cells = table.Memory.Cells;
        ReadOnlySpan<int> overlaps = scratch.Overlaps.Blocks;
        float inputTokens = query.InputTokens;
        Dialect dialect = query.Dialect;
        bool plain = query.Tried.IsEmpty && leftNs == Never;
        float best = Never;
        for (int i = 0; i < facts.Length; i++)
        {
            ref readonly RouteFacts fact = ref facts[i];
            ref readonly RouteCell cell = ref cells[fact.Number];
            int overlap = (uint)fact.Number < (uint)overlaps.Length ? overlaps[fact.Number] : 0;
            float uncached = overlap == 0 ? inputTokens : Uncached(inputTokens, cell, overlap);
            float cost = wayNs + cell.PredictCostNs(inputTokens, uncached, nowNs);
            float score = cost < MostNs ? cost : MostNs;
            if (plain && cell.Taken < fact.MaxConcurrency)
            {
                anyIn = true;
                score = fact.Speaks(dialect) ? score : score + TierNs;
            }
            else
            {
                int tier = Tier(query, table, group.Start + i, fact, cell, nowNs, ref anyIn);
                tier |= tier >= 0 && EndsAfter(query, cell, uncached, nowNs, wayNs, leftNs) ? 2 : 0;
                score = tier < 0 ? Never : score + tier * TierNs;
            }

            scores[i] = score;
            best = score < best ? score : best;
        }

        return best;
    }

    /// <summary>Prompt tokens to be computed where some blocks are thought to be cached; at least one always is.
    /// </summary>
    private static float Uncached(float inputTokens, in RouteCell cell, int overlapBlocks) =>
        Math.Max(1, inputTokens - overlapBlocks * (RoutingMemory.TokensPerBlock * cell.CacheTruth));

    /// <summary>Whether an answer is predicted to end later than the site can be reached.</summary>
    private static bool EndsAfter(
        in RouteQuery query, in RouteCell cell, float uncached, long nowNs, float wayNs, float leftNs) =>
        leftNs != Never
        && wayNs + cell.PredictFirstTokenNs(query.InputTokens, uncached, nowNs)
            + (float)query.OutputTokens * cell.PredictOutputTokenNs > leftNs;

    /// <summary>Where a candidate stands before times are compared: 0 first, negative out of the question.</summary>
    /// <param name="query">The request.</param>
    /// <param name="table">Who may serve it.</param>
    /// <param name="candidate">Which of them.</param>
    /// <param name="facts">The candidate's configuration.</param>
    /// <param name="cell">The candidate's cell.</param>
    /// <param name="nowNs">The present.</param>
    /// <param name="anyIn">Set where it could serve the request, now or when it has a place.</param>
    internal static int Tier(
        in RouteQuery query,
        RouteTable table,
        int candidate,
        in RouteFacts facts,
        in RouteCell cell,
        long nowNs,
        ref bool anyIn)
    {
        if (!query.Tried.IsEmpty && query.Tried.Contains(facts.Index))
        {
            return -1;
        }

        bool isOut = false;
        if (cell.Taken >= facts.MaxConcurrency)
        {
            // Cells are written by racing threads: one that says full is asked again, or a free place might go unseen.
            DeploymentState state = table.States[candidate];
            isOut = state.IsOut(nowNs);
            anyIn |= !isOut;
            if (state.InFlight >= Places(table, candidate, nowNs))
            {
                return -1;
            }
        }

        anyIn |= !isOut;
        return (facts.Speaks(query.Dialect) ? 0 : 1) + (isOut ? OutTier : 0);
    }

    /// <summary>Decides among those whose time to first token is as good as the best: time per token, price, what
    /// is cached, turns.</summary>
    private static int Among(
        in RouteQuery query,
        RouteTable table,
        RoutingConfig config,
        RouteScratch scratch,
        float limit,
        Instant now)
    {
        ReadOnlySpan<RouteFacts> facts = table.Facts;
        ReadOnlySpan<float> scores = scratch.Scores.AsSpan(0, facts.Length);
        Span<int> ties = scratch.Ties.AsSpan(0, facts.Length);
        int count = 0;
        for (int i = 0; i < scores.Length; i++)
        {
            // Written always and kept where it counts: no branch to mispredict.
            ties[count] = i;
            count += scores[i] <= limit ? 1 : 0;
        }

        ties = ties[..count];
        return count <= 1 ? (count == 0 ? -1 : ties[0]) : AmongTies(query, table, config, scratch, ties, now);
    }

    private static int AmongTies(
        in RouteQuery query,
        RouteTable table,
        RoutingConfig config,
        RouteScratch scratch,
        Span<int> ties,
        Instant now)
    {
        ReadOnlySpan<RouteFacts> facts = table.Facts;
        Span<float> tokenNs = scratch.TokenNs.AsSpan(0, ties.Length);
        float most = MostTokenNs(query, config, LeastTokenNs(table, ties, tokenNs));
        ReadOnlySpan<int> overlaps = scratch.Overlaps.Blocks;
        int kept = 0;
        long cheapest = long.MaxValue;
        int overlap = 0;
        for (int k = 0; k < ties.Length; k++)
        {
            if (tokenNs[k] > most)
            {
                continue;
            }

            int i = ties[k];
            ref readonly RouteFacts fact = ref facts[i];
            long price = fact.IsPaid ? 0 : Price(query, table.Deployments[i], now);
            int held = (uint)fact.Number < (uint)overlaps.Length ? overlaps[fact.Number] : 0;
            if (price < cheapest || (price == cheapest && held > overlap))
            {
                cheapest = price;
                overlap = held;
                kept = 0;
            }

            if (price == cheapest && held == overlap)
            {
                ties[kept++] = i;
            }
        }

        // Nothing is kept only where a number is none; then the first of the best in time will do.
        return kept > 0 ? ties[(int)(Mix(query.Number) % (uint)kept)] : ties[0];
    }

    /// <summary>Predicts the time per output token of each, and returns the least.</summary>
    private static float LeastTokenNs(RouteTable table, ReadOnlySpan<int> candidates, Span<float> tokenNs)
    {
        ReadOnlySpan<RouteCell> cells = table.Memory.Cells;
        ReadOnlySpan<RouteFacts> facts = table.Facts;
        float least = Never;
        for (int k = 0; k < candidates.Length; k++)
        {
            float each = cells[facts[candidates[k]].Number].PredictOutputTokenNs;
            tokenNs[k] = each;
            least = each < least ? each : least;
        }

        return least;
    }

    private static float MostTokenNs(in RouteQuery query, RoutingConfig config, float leastTokenNs) =>
        (float)(leastTokenNs + Math.Max(
            leastTokenNs * config.ToleranceShare,
            config.ToleranceMs * Instant.NsPerMs / Math.Max(1, query.OutputTokens)));

    private static Route Take(in RouteQuery query, RouteTable table, RouteScratch scratch, int chosen, Instant now)
    {
        RouteLoad load = table.Loads[chosen];
        RouteCell cell = table.Memory.Cells[load.Number];
        long cached = Cached(query.InputTokens, cell, scratch.Overlaps[load.Number]);
        SiteGroup group = default;
        foreach (SiteGroup candidate in table.Sites)
        {
            group = chosen >= candidate.Start ? candidate : group;
        }

        double way = group.LinkAt(now.WallUnixMs).NsFor(query.BodyBytes)
            + group.Site.PathNs(query.Region);
        long uncached = query.InputTokens - cached;
        double predicted = way + cell.PredictFirstTokenNs(query.InputTokens, uncached, now.MonotonicNs);
        double wait = load.EngineWaitNs(query.InputTokens, now.MonotonicNs);
        long queued = load.Sent(query.InputTokens, uncached, query.Stream, now.MonotonicNs);
        return new Route(
            table.Deployments[chosen],
            table.States[chosen],
            load,
            cached,
            uncached,
            queued,
            load.Running,
            query.Stream,
            way,
            wait,
            predicted);
    }

    /// <summary>Prompt tokens that are thought to be cached; at least one is always computed.</summary>
    internal static long Cached(long inputTokens, in RouteCell cell, int overlapBlocks) => overlapBlocks == 0 ? 0
        : Math.Max(0, Math.Min(
            inputTokens - 1, (long)(overlapBlocks * RoutingMemory.TokensPerBlock * cell.CacheTruth)));

    /// <summary>Places as health gives them out now.</summary>
    internal static int Places(RouteTable table, int candidate, long nowNs) =>
        table.States[candidate].Places(table.Facts[candidate].MaxConcurrency, nowNs);

    /// <summary>What one more such request costs there, in millionths of a US dollar. Capacity that is paid for anyway
    /// costs nothing more.</summary>
    internal static long Price(in RouteQuery query, Deployment deployment, Instant now) =>
        deployment.Config.Cost.Length == 0
            ? 0
            : deployment.Cost.At(now.WallUnixMs)
                .Of(new TokenUsage(query.InputTokens, 0, 0, (long)query.OutputTokens));

    /// <summary>Spreads consecutive numbers (the finaliser of MurmurHash3).</summary>
    internal static uint Mix(uint number)
    {
        number ^= number >> 16;
        number *= 0x85ebca6b;
        number ^= number >> 13;
        number *= 0xc2b2ae35;
        return number ^ (number >> 16);
    }
}
