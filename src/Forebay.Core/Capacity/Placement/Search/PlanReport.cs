using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Forebay.Core.Capacity.Placement;

/// <summary>Step 8: says what was decided, and what stays short and why.</summary>
internal static class PlanReport
{
    /// <summary>Shares of demand below this are rounding.</summary>
    private const double LeastShare = 1e-6;

    /// <summary>Classes whose pools are looked through one by one; those that lack most.</summary>
    private const int MaxExplained = 100;

    private const int IdPart = 24;

    public static PlacementPlan Of(PlacementBoard board, CandidateSearch search, PlacementState state, long nowUnixMs)
    {
        var decisions = new List<PlacementDecision>(state.Replicas.Length + board.Lots.Count);
        decisions.AddRange(board.Lost.Select(lost => Lost(lost.Replica, lost.Cause)));
        decisions.AddRange(Standing(board));
        decisions.AddRange(Starts(board, state, nowUnixMs));
        var barriers = new PoolBarriers(board, search);
        return new PlacementPlan
        {
            Decisions = InOrder(decisions),
            Unmet = Unmet(board, barriers),
            UnmetMinimums = UnmetMinimums(board, barriers),
            Promises = [.. board.Promises],
            ObjectiveUsd = Objective(board),
            ServedShare = ServedShare(board),
        };
    }

    /// <summary>Drains, then starts, then what is kept.</summary>
    private static ImmutableArray<PlacementDecision> InOrder(List<PlacementDecision> decisions)
    {
        var ordered = ImmutableArray.CreateBuilder<PlacementDecision>(decisions.Count);
        PlacementAction[] actions = [PlacementAction.Drain, PlacementAction.Start, PlacementAction.Keep];
        foreach (PlacementAction action in actions)
        {
            foreach (PlacementDecision decision in decisions)
            {
                if (decision.Action == action)
                {
                    ordered.Add(decision);
                }
            }
        }

        return ordered.MoveToImmutable();
    }

    private static PlacementDecision Lost(PlacementReplica replica, PlacementCause cause) => new()
    {
        Action = cause == PlacementCause.Draining ? PlacementAction.Keep : PlacementAction.Drain,
        Cause = cause,
        ReplicaId = replica.Id,
        Model = replica.Model,
        Version = replica.Version,
        Build = replica.Build,
        Pool = replica.Pool,
        LeasedAccelerators = replica.LeasedAccelerators,
    };

    private static IEnumerable<PlacementDecision> Standing(PlacementBoard board)
    {
        for (int v = 0; v < board.StandingOf.Length; v++)
        {
            var known = new Dictionary<(PoolFit, int, double, bool), (PlacementTerms, PlacementCause)>();
            foreach (Standing standing in board.StandingOf[v])
            {
                yield return Standing(board, v, standing, known);
            }
        }
    }

    private static PlacementDecision Standing(
        PlacementBoard board,
        int version,
        Standing standing,
        Dictionary<(PoolFit, int, double, bool), (PlacementTerms, PlacementCause)> known)
    {
        (PlacementTerms terms, PlacementCause cause) = (standing.Terms, standing.Leaves ?? PlacementCause.Serves);
        if (standing.Leaves is null)
        {
            // Like ones are kept for like reasons.
            (PoolFit, int, double, bool) like = (standing.Fit, standing.Until, standing.ReadySeconds, standing.MayGo);
            ref (PlacementTerms Terms, PlacementCause Cause) found =
                ref CollectionsMarshal.GetValueRefOrAddDefault(known, like, out bool isKnown);
            if (!isKnown)
            {
                found = WhyKept(board, version, standing);
            }

            (terms, cause) = found;
        }

        PlacementBuild build = board.Version(version).Builds[standing.Fit.Build].Source;
        return new PlacementDecision
        {
            Action = standing.Leaves is null ? PlacementAction.Keep : PlacementAction.Drain,
            Cause = cause,
            ReplicaId = standing.Source.Id,
            Model = standing.Source.Model,
            Version = standing.Source.Version,
            Build = build.Id,
            Pool = standing.Source.Pool,
            Accelerators = build.AcceleratorsPerReplica,
            LeasedAccelerators = standing.Source.LeasedAccelerators,
            MaxConcurrency = build.MaxConcurrency,
            LeaseUntilUnixMs = EndOf(board, standing.Until),
            Terms = terms,
        };
    }

    private static (PlacementTerms Terms, PlacementCause Cause) WhyKept(
        PlacementBoard board, int version, Standing standing)
    {
        double hold = board.HoldUsd(standing.Fit, 0, standing.Until);
        double change = board.ChangeUsd(version, standing.Fit);
        double served = ShrinkStep.LossUsd(board, version, standing);
        SpreadCount spread = board.Spreads[version];
        PlacementCause cause = hold - change - served <= 0 ? PlacementCause.Serves
            : spread.DeficitWith(standing.Fit.Pool, -1) > spread.Deficit() ? PlacementCause.Minimum
            : standing.MayGo ? PlacementCause.Serves
            : PlacementCause.Dwells;
        return (new PlacementTerms(served, hold, change, 0, 0, standing.ReadySeconds), cause);
    }

    private static IEnumerable<PlacementDecision> Starts(PlacementBoard board, PlacementState state, long nowUnixMs)
    {
        var taken = state.Replicas.Select(r => r.Id).ToHashSet(StringComparer.Ordinal);
        foreach (Lot lot in board.Lots.Where(l => l.From == 0))
        {
            PlacementVersion version = board.Version(lot.Version).Source;
            PlacementBuild build = board.Version(lot.Version).Builds[lot.Fit.Build].Source;
            string pool = board.Pool(lot.Fit.Pool).Id;
            for (int i = 0; i < lot.Count; i++)
            {
                yield return new PlacementDecision
                {
                    Action = PlacementAction.Start,
                    Cause = lot.Cause,
                    ReplicaId = NewId(board, version, lot.Fit.Pool, nowUnixMs, taken),
                    Model = version.Model,
                    Version = version.Version,
                    Build = build.Id,
                    Pool = pool,
                    Accelerators = build.AcceleratorsPerReplica,
                    LeasedAccelerators = lot.Fit.Slot,
                    MaxConcurrency = build.MaxConcurrency,
                    LeaseUntilUnixMs = EndOf(board, lot.Until),
                    Terms = lot.Terms,
                };
            }
        }
    }

    /// <summary>A name that is new, the same for the same step, and an id of the fleet file's form.</summary>
    private static string NewId(
        PlacementBoard board, PlacementVersion version, int pool, long nowUnixMs, HashSet<string> taken)
    {
        string stem = $"{Part(version.Model)}-{Part(board.Pool(pool).Id)}";
        for (ulong i = (ulong)taken.Count; ; i++)
        {
            ulong number = board.Tie((int)(i & int.MaxValue), pool) ^ (ulong)nowUnixMs * 0x9E3779B97F4A7C15;
            string id = string.Create(CultureInfo.InvariantCulture, $"{stem}-{number >> 24:x10}");
            if (taken.Add(id))
            {
                return id;
            }
        }
    }

    private static string Part(string name)
    {
        string plain = string.Concat(name.ToLowerInvariant().Select(c =>
            char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' ? c : '-'));
        return (plain.Length <= IdPart ? plain : plain[..IdPart]).Trim('-', '.', '_');
    }

    private static long EndOf(PlacementBoard board, int hour) =>
        board.Problem.Source.StartUnixMs + hour * 3_600_000L;

    private static ImmutableArray<UnmetDemand> Unmet(PlacementBoard board, PoolBarriers barriers)
    {
        double[] weights = board.Clock.Weights;
        var unmet =
            new List<(int Version, int Class, double Share, double Peak, int PeakHour, double Lost, bool Late)>();
        for (int v = 0; v < board.Flows.Length; v++)
        {
            CompiledVersion of = board.Version(v);
            for (int c = 0; c < of.Classes; c++)
            {
                (double lost, double asked, double peak, int peakHour) = (0, 0, 0, 0);
                bool late = true;
                for (int h = 0; h < weights.Length; h++)
                {
                    double left = board.Flows[v].Unmet(c, h);
                    lost += left * weights[h];
                    late &= h < board.Flows[v].FirstHour || left <= LeastShare;
                    asked += of.Demand[c * weights.Length + h] * weights[h];
                    (peak, peakHour) = left > peak ? (left, h) : (peak, peakHour);
                }

                if (asked > 0 && lost / asked > LeastShare)
                {
                    unmet.Add((v, c, lost / asked, peak, peakHour, lost * of.ReferenceUsd, late));
                }
            }
        }

        return
        [
            .. unmet.OrderByDescending(u => u.Lost).ThenBy(u => u.Version).ThenBy(u => u.Class).Select((u, i) =>
            {
                CompiledVersion of = board.Version(u.Version);
                (PlacementExclusion binding, ImmutableArray<ExcludedPools> excluded) =
                    u.Late ? (PlacementExclusion.Start, [])
                    : i < MaxExplained ? barriers.Of(u.Version, u.Class)
                    : (PlacementExclusion.None, []);
                return new UnmetDemand(of.Source.Model, of.Source.Version, of.Demands[u.Class].Label, u.Share, u.Peak,
                    u.PeakHour, binding, excluded);
            }),
        ];
    }

    private static ImmutableArray<UnmetMinimum> UnmetMinimums(PlacementBoard board, PoolBarriers barriers)
    {
        var unmet = ImmutableArray.CreateBuilder<UnmetMinimum>();
        for (int v = 0; v < board.Spreads.Length; v++)
        {
            PlacementVersion version = board.Version(v).Source;
            if (version.Share > 0 && board.Spreads[v].Deficit() > 0)
            {
                (PlacementExclusion binding, ImmutableArray<ExcludedPools> excluded) = barriers.Of(v, -1);
                unmet.Add(new UnmetMinimum(version.Model, version.Version,
                    string.Join("; ", board.Spreads[v].Missing()), binding, excluded));
            }
        }

        return unmet.ToImmutable();
    }

    private static double Objective(PlacementBoard board)
    {
        double objective = 0;
        for (int v = 0; v < board.Flows.Length; v++)
        {
            objective += board.WorthUsd(v);
            foreach (Standing standing in board.StandingOf[v])
            {
                objective -= standing.Leaves is null ? board.HoldUsd(standing.Fit, 0, standing.Until)
                    : board.ChangeUsd(v, standing.Fit);
            }
        }

        return objective - board.Lots.Sum(l => l.Count * (l.Terms.HoldUsd + l.Terms.ChangeUsd));
    }

    private static double ServedShare(PlacementBoard board)
    {
        double asked = 0;
        double served = 0;
        for (int v = 0; v < board.Flows.Length; v++)
        {
            CompiledVersion of = board.Version(v);
            for (int h = 0; h < board.Clock.Hours; h++)
            {
                asked += of.DemandByHour[h] * board.Clock.Weights[h] * of.ReferenceUsd;
            }

            served += board.Flows[v].Served() * of.ReferenceUsd;
        }

        return asked > 0 ? Math.Min(1, served / asked) : 1;
    }
}
