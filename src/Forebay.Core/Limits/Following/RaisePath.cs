using System.Collections.Immutable;

namespace Forebay.Core.Limits.Following;

/// <summary>One step up of one tier.</summary>
/// <param name="Tier">Position among the demands of the class.</param>
/// <param name="From">The multiplier before.</param>
/// <param name="To">The multiplier after.</param>
internal readonly record struct RaiseMove(int Tier, double From, double To);

/// <summary>
/// In which order the tiers of a class go up the published steps. It is made from demand alone, before capacity is
/// looked at; capacity only decides how far along it limits go. So more capacity never leaves any tier with less, which
/// filling by "who still fits" does not ensure.
/// </summary>
/// <remarks>
/// The order is that of proportional fairness (Kelly, Maulloo and Tan, "Rate control for communication networks", J.
/// Oper. Res. Soc. 49, 1998): to maximise the sum over tenants of the logarithm of their multiplier, the step with the
/// greatest <c>tenants * ln(to / from)</c> per token of demand that it adds comes first. Every tenant counts the same,
/// so tiers whose tenants ask for little go up further than those whose tenants ask for much. Tokens added are measured
/// against what all tiers use in the busiest hour at what they are promised, input or output, whichever it adds more
/// to.
/// </remarks>
internal sealed class RaisePath
{
    private RaisePath(int tiers, ImmutableArray<RaiseMove> moves) => (Tiers, Moves) = (tiers, moves);

    public int Tiers { get; }

    public ImmutableArray<RaiseMove> Moves { get; }

    public static RaisePath Of(ClassBalance balance, ReadOnlySpan<double> steps)
    {
        int tiers = balance.Demand.Length;
        var moves = ImmutableArray.CreateBuilder<RaiseMove>(tiers * (steps.Length - 1));
        var at = new int[tiers];
        double[] costs = [.. balance.Demand.Select(d => CostPerUnit(balance, d))];
        while (moves.Count < moves.Capacity)
        {
            int best = -1;
            double bestWorth = double.NegativeInfinity;
            for (int i = 0; i < tiers; i++)
            {
                if (at[i] + 1 == steps.Length)
                {
                    continue;
                }

                double rise = steps[at[i] + 1] - steps[at[i]];
                double gain = Math.Max(1, balance.Demand[i].Tenants) * Math.Log(steps[at[i] + 1] / steps[at[i]]);
                double worth = costs[i] == 0 ? double.MaxValue : gain / (costs[i] * rise);
                if (worth > bestWorth)
                {
                    (best, bestWorth) = (i, worth);
                }
            }

            moves.Add(new RaiseMove(best, steps[at[best]], steps[at[best] + 1]));
            at[best]++;
        }

        return new RaisePath(tiers, moves.MoveToImmutable());
    }

    /// <summary>Multipliers after a number of moves.</summary>
    public double[] After(int moves)
    {
        var multipliers = new double[Tiers];
        Array.Fill(multipliers, 1);
        for (int i = 0; i < moves; i++)
        {
            multipliers[Moves[i].Tier] = Moves[i].To;
        }

        return multipliers;
    }

    /// <summary>Most moves for which something holds that holds for all fewer moves too; -1 where it holds for
    /// none.</summary>
    public int Furthest(Func<double[], bool> holds)
    {
        int low = -1;
        int high = Moves.Length;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            (low, high) = holds(After(middle)) ? (middle, high) : (low, middle - 1);
        }

        return low;
    }

    /// <summary>What one more unit of multiplier adds, as a share of what the class uses in its busiest hour.</summary>
    private static double CostPerUnit(ClassBalance balance, TierDemand demand)
    {
        double limited = balance.LimitedShare(demand);
        return Math.Max(
            Share(demand.Input.Peak, balance.Demand.Sum(d => d.Input.Peak)),
            Share(demand.Output.Peak, balance.Demand.Sum(d => d.Output.Peak))) * limited;
    }

    private static double Share(double part, double whole) => whole > 0 ? part / whole : 0;
}
