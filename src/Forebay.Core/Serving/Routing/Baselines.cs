using Forebay.Core.Time;

namespace Forebay.Core.Serving.Routing;

/// <summary>The policies that <see cref="RoutingPolicy.Predictive"/> is compared with. They too respect places,
/// dialect, links and what is out.</summary>
internal static class Baselines
{
    /// <summary>Loads further apart than both of these send a request to the least loaded (SGLang's router,
    /// <c>balance_abs_threshold</c> and <c>balance_rel_threshold</c>, the defaults of its launcher).</summary>
    private const int BalanceAbsolute = 64;
    private const double BalanceRelative = 1.5;

    /// <summary>A smaller share of the prompt cached than this counts as none (<c>cache_threshold</c>).</summary>
    private const double CacheThreshold = 0.3;

    public static int Choose(
        in RouteQuery query,
        RouteTable table,
        RoutingPolicy policy,
        RouteScratch scratch,
        Instant now)
    {
        int count = Best(query, table, scratch.Ties, now);
        ReadOnlySpan<int> open = scratch.Ties.AsSpan(0, count);
        if (count <= 1)
        {
            return count == 0 ? -1 : open[0];
        }

        return policy switch
        {
            RoutingPolicy.RoundRobin => open[(int)(query.Number % (uint)count)],
            RoutingPolicy.PowerOfTwo => LessLoaded(table, open, query.Number, now.MonotonicNs),
            RoutingPolicy.CacheAware => CacheAware(query, table, open, scratch.Overlaps),
            _ => LeastLoaded(table, open, (int)(query.Number % (uint)count), now.MonotonicNs),
        };
    }

    /// <summary>The candidates of the first tier that has any.</summary>
    private static int Best(in RouteQuery query, RouteTable table, Span<int> open, Instant now)
    {
        int count = 0;
        int best = int.MaxValue;
        bool anyIn = false;
        foreach (SiteGroup group in table.Sites)
        {
            if (!group.LinkAt(now.WallUnixMs).Available)
            {
                continue;
            }

            for (int i = group.Start; i < group.End; i++)
            {
                RouteFacts facts = table.Facts[i];
                int tier = Router.Tier(
                    query, table, i, facts, table.Memory.Cells[facts.Number], now.MonotonicNs, ref anyIn);
                if (tier < 0 || tier > best)
                {
                    continue;
                }

                count = tier < best ? 0 : count;
                best = tier;
                open[count++] = i;
            }
        }

        return anyIn && best >= Router.OutTier ? 0 : count;
    }

    private static double Load(RouteTable table, int candidate, long nowNs) =>
        table.States[candidate].InFlight / (double)Router.Places(table, candidate, nowNs);

    private static int LessLoaded(RouteTable table, ReadOnlySpan<int> open, uint number, long nowNs)
    {
        uint random = Router.Mix(number);
        int first = (int)(random % (uint)open.Length);
        int second = (int)(Router.Mix(random) % (uint)(open.Length - 1));
        second += second >= first ? 1 : 0;
        return Load(table, open[second], nowNs) < Load(table, open[first], nowNs) ? open[second] : open[first];
    }

    private static int LeastLoaded(RouteTable table, ReadOnlySpan<int> open, int offset, long nowNs)
    {
        int best = -1;
        for (int i = 0; i < open.Length; i++)
        {
            int candidate = open[(i + offset) % open.Length];
            best = best < 0 || Load(table, candidate, nowNs) < Load(table, best, nowNs) ? candidate : best;
        }

        return best;
    }

    private static int CacheAware(
        in RouteQuery query,
        RouteTable table,
        ReadOnlySpan<int> open,
        OverlapMap overlaps)
    {
        int least = LeastInFlight(table, open);
        int most = 0;
        int matched = open[(int)(query.Number % (uint)open.Length)];
        foreach (int candidate in open)
        {
            most = Math.Max(most, table.States[candidate].InFlight);
            matched = overlaps[table.Facts[candidate].Number] > overlaps[table.Facts[matched].Number]
                ? candidate
                : matched;
        }

        int fewest = table.States[least].InFlight;
        if (most - fewest > BalanceAbsolute && most > BalanceRelative * fewest)
        {
            return least;
        }

        long cached = (long)overlaps[table.Facts[matched].Number] * RoutingMemory.TokensPerBlock;
        return cached > CacheThreshold * query.InputTokens ? matched : SmallestTree(table, open);
    }

    private static int LeastInFlight(RouteTable table, ReadOnlySpan<int> open)
    {
        int least = open[0];
        foreach (int candidate in open)
        {
            least = table.States[candidate].InFlight < table.States[least].InFlight ? candidate : least;
        }

        return least;
    }

    private static int SmallestTree(RouteTable table, ReadOnlySpan<int> open)
    {
        int smallest = open[0];
        PrefixTrees trees = table.Memory.Trees;
        foreach (int candidate in open)
        {
            smallest = trees.SizeOf(table.Facts[candidate].Number) < trees.SizeOf(table.Facts[smallest].Number)
                ? candidate
                : smallest;
        }

        return smallest;
    }
}
