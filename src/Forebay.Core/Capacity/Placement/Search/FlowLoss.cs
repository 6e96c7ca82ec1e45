namespace Forebay.Core.Capacity.Placement;

/// <summary>
/// What would be lost with capacity at a site, without taking it away: what the site serves beyond what would be left
/// of it moves, class by class, to the nearest other site that has anything free then, as if that were enough for all.
/// A quick look that tells which drains are worth trying out. Cost: sites x classes x hours once, then classes x hours.
/// </summary>
internal sealed class FlowLoss
{
    private const double Least = 1e-9;

    private readonly double[] _weights;
    private readonly int _classes;
    private readonly (double Best, double Second, int Site)[] _elsewhere;

    public FlowLoss(IReadOnlyList<FlowNode> nodes, int classes, double[] weights)
    {
        _weights = weights;
        _classes = classes;
        _elsewhere = new (double, double, int)[classes * weights.Length];
        foreach (FlowNode node in nodes)
        {
            for (int h = 0; h < weights.Length; h++)
            {
                if (node.Capacity[h] - node.Used[h] > Least)
                {
                    Offer(node, h);
                }
            }
        }
    }

    /// <summary>The loss, weighed by hour and by the way to the users, in replica-hours.</summary>
    public double Of(FlowNode node, double speed, ReadOnlySpan<double> fractions)
    {
        double lost = 0;
        Span<double> perUnit = stackalloc double[_classes];
        for (int h = 0; h < _weights.Length; h++)
        {
            double over = node.Used[h] - (node.Capacity[h] - speed * fractions[h]);
            if (over <= Least)
            {
                continue;
            }

            for (int c = 0; c < _classes; c++)
            {
                (double best, double second, int site) = _elsewhere[c * _weights.Length + h];
                perUnit[c] = node.Flow[c * _weights.Length + h] <= 0 ? double.PositiveInfinity
                    : Math.Max(0, node.Worth[c] - (site == node.Site ? second : best));
            }

            lost += _weights[h] * Cheapest(node, h, over, perUnit);
        }

        return lost;
    }

    /// <summary>Moves what costs least to move.</summary>
    private double Cheapest(FlowNode node, int h, double over, Span<double> perUnit)
    {
        double lost = 0;
        while (over > Least)
        {
            int c = 0;
            for (int other = 1; other < perUnit.Length; other++)
            {
                c = perUnit[other] < perUnit[c] ? other : c;
            }

            if (double.IsPositiveInfinity(perUnit[c]))
            {
                break;
            }

            double moved = Math.Min(over, node.Flow[c * _weights.Length + h]);
            lost += moved * perUnit[c];
            over -= moved;
            perUnit[c] = double.PositiveInfinity;
        }

        return lost;
    }

    private void Offer(FlowNode node, int h)
    {
        foreach (int c in node.Order)
        {
            ref (double Best, double Second, int Site) known = ref _elsewhere[c * _weights.Length + h];
            double worth = node.Worth[c];
            if (worth > known.Best)
            {
                known = (worth, known.Best, node.Site);
            }
            else if (worth > known.Second)
            {
                known.Second = worth;
            }
        }
    }
}
