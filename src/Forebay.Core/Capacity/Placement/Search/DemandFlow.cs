using System.Numerics;

namespace Forebay.Core.Capacity.Placement;

/// <summary>
/// Who serves what of one version in each hour of the horizon: classes of demand on one side, sites with capacity on
/// the other, a class at a site only where its residency and its way allow. As much is served as can be (augmenting
/// paths; Ford and Fulkerson, 1956), by the nearest capacity first, as the router does. Capacity and demand are in
/// replicas of the version's best build. Cost of adding: hours x paths, each at most sites x classes; of removing:
/// classes x sites x hours.
/// </summary>
internal sealed class DemandFlow
{
    private const double Least = 1e-9;

    /// <summary>Sums in another order may differ by this share.</summary>
    private const double Slack = 1e-6;

    private readonly int _classes;
    private readonly int _hours;
    private readonly CompiledVersion _version;
    private readonly double[] _unmet;
    private readonly double[] _unmetByHour;
    private readonly Dictionary<int, FlowNode> _bySite = [];
    private readonly List<(ulong Mask, double[] Amounts)> _absorbs = [];
    private readonly double[] _unmetWorth;
    private readonly ulong[] _stuck;
    private readonly int _firstHour;
    private double[] _weights;
    private List<FlowNode> _nodes = [];
    private (FlowNode FlowNode, int Class)[]? _pairs;

    /// <summary>Nodes of the step before, while this one is being loaded; null where nothing of it can be kept.
    /// </summary>
    private List<FlowNode>? _before;
    private Dictionary<int, FlowNode>? _beforeBySite;

    /// <summary>Whether nothing changed since who serves what was found anew: finding it again would find the
    /// same.</summary>
    private bool _clean;
    private bool _anyWhenFound;
    private FlowLoss? _loss;
    private bool _fresh;

    public DemandFlow(CompiledVersion version, double[] weights)
    {
        _version = version;
        _classes = version.Classes;
        _weights = weights;
        _hours = weights.Length;
        _unmet = (double[])version.Demand.Clone();
        _unmetByHour = new double[_hours];
        _unmetWorth = new double[_classes];
        _stuck = new ulong[_hours];
        _firstHour = version.Builds.Any(b => b.Source.StartSeconds <= 0) ? 0 : Math.Min(1, _hours - 1);
        SumUnmet();
    }

    /// <summary>Begins another step for the same version: where its capacity comes out the same, to the last bit and in
    /// the same order, what it serves is the same and is not found anew.</summary>
    public DemandFlow Begin(double[] weights)
    {
        _weights = weights;
        (_before, _nodes) = (_clean ? _nodes : null, []);
        _beforeBySite = new Dictionary<int, FlowNode>(_bySite);
        _bySite.Clear();
        if (_before is null)
        {
            _pairs = null;
        }

        _fresh = false;
        _clean = false;
        return this;
    }

    /// <summary>Whether it is of a version and a horizon.</summary>
    public bool IsOf(CompiledVersion version, int hours) => ReferenceEquals(_version, version) && hours == _hours;

    /// <summary>The most that one more replica could bring, in US dollars, wherever it stands and for however long:
    /// what is unserved in each hour in which that is worth more than holding the least that a replica takes, less the
    /// cheapest change. Never too little.</summary>
    /// <param name="holdUsdPerHour">The least that a replica costs to hold for an hour.</param>
    /// <param name="changeUsd">The least that a start costs.</param>
    public double MostNetUsd(double holdUsdPerHour, double changeUsd)
    {
        double most = 0;
        for (int h = _firstHour; h < _hours; h++)
        {
            most += _weights[h] * Math.Max(0, _unmetByHour[h] * _version.ReferenceUsd * (1 + Slack) - holdUsdPerHour);
        }

        return most * (1 + Slack) + Slack - changeUsd;
    }

    /// <summary>Whether anything is left unserved in an hour that something started now could serve.</summary>
    public bool AnyUnmet { get; private set; }

    /// <summary>The first hour that something started now could serve.</summary>
    public int FirstHour => _firstHour;

    /// <summary>What is left of a class in an hour.</summary>
    public double Unmet(int demandClass, int hour) => _unmet[demandClass * _hours + hour];

    /// <summary>What would be lost with some capacity at a site, at a quick look (<see cref="FlowLoss"/>).</summary>
    public double LossOf(int site, double replicas, ReadOnlySpan<double> fractions)
    {
        Freshen();
        _loss ??= new FlowLoss(_nodes, _classes, _weights);
        return _bySite.TryGetValue(site, out FlowNode? node) ? _loss.Of(node, replicas, fractions) : 0;
    }

    /// <summary>What is served, weighed by hour and by the way to its users, in replica-hours.</summary>
    public double Worth()
    {
        double worth = 0;
        foreach (FlowNode node in _nodes)
        {
            for (int c = 0; c < _classes; c++)
            {
                double flow = 0;
                for (int h = 0; h < _hours; h++)
                {
                    flow += node.Flow[c * _hours + h] * _weights[h];
                }

                worth += flow * node.Worth[c];
            }
        }

        return worth;
    }

    /// <summary>What is served of all classes, weighed by hour, in replica-hours.</summary>
    public double Served()
    {
        double served = 0;
        for (int h = 0; h < _hours; h++)
        {
            served += (_version.DemandByHour[h] - _unmetByHour[h]) * _weights[h];
        }

        return served;
    }

    /// <summary>Adds capacity at a site and serves with it what it can, without moving what needs not move.</summary>
    public void Add(int site, double replicas, ReadOnlySpan<double> fractions)
    {
        FlowNode node = NodeOf(site);
        for (int h = 0; h < _hours; h++)
        {
            double more = replicas * fractions[h];
            if (more > 0)
            {
                node.Capacity[h] += more;
                Serve(node, h);
            }
        }

        _fresh = false;
        _clean = false;
    }

    /// <summary>Adds capacity, or takes it away where the number is negative, without serving anything with it:
    /// <see cref="Renew"/> does, for all of it at once.</summary>
    public void Load(int site, double replicas, ReadOnlySpan<double> fractions)
    {
        FlowNode node = NodeOf(site);
        for (int h = 0; h < _hours; h++)
        {
            node.Capacity[h] = Math.Max(0, node.Capacity[h] + replicas * fractions[h]);
        }

        _fresh = false;
        _clean = false;
    }

    /// <summary>Finds anew who serves what: nearest first, then by augmenting.</summary>
    public void Renew()
    {
        if (_clean || IsAsBefore())
        {
            (_clean, _fresh, AnyUnmet) = (true, false, _anyWhenFound);
            return;
        }

        _version.Demand.CopyTo(_unmet, 0);
        foreach (FlowNode node in _nodes)
        {
            Array.Clear(node.Flow);
            Array.Clear(node.Used);
        }

        foreach ((FlowNode node, int c) in _pairs ??= PairsByWorth())
        {
            for (int h = 0; h < _hours; h++)
            {
                Take(node, c, h);
            }
        }

        SumUnmet();
        Array.Clear(_stuck);
        foreach (FlowNode node in _nodes)
        {
            for (int h = 0; h < _hours; h++)
            {
                Serve(node, h);
            }
        }

        _fresh = false;
        _clean = true;
        _anyWhenFound = AnyUnmet;
    }

    /// <summary>Whether the capacity loaded is that of the step before; asked once a step.</summary>
    private bool IsAsBefore()
    {
        List<FlowNode>? before = _before;
        (_before, _beforeBySite) = (null, null);
        bool same = before is not null && before.Count == _nodes.Count;
        for (int i = 0; same && i < _nodes.Count; i++)
        {
            same = ReferenceEquals(before![i], _nodes[i])
                && _nodes[i].Capacity.AsSpan().SequenceEqual(_nodes[i].Before);
        }

        _pairs = same ? _pairs : null;
        return same;
    }

    /// <summary>What capacity at sites that may serve some classes would find to do in each hour: what is unserved of
    /// these and of those whose capacity could be freed by it. Never too little; too much only where a path is narrow.
    /// </summary>
    public double[] Absorbed(ulong mask)
    {
        Freshen();
        foreach ((ulong known, double[] amounts) in _absorbs)
        {
            if (known == mask)
            {
                return amounts;
            }
        }

        var found = new double[_hours];
        for (int h = 0; h < _hours; h++)
        {
            if (_unmetByHour[h] > Least)
            {
                ulong reached = Reach(mask, h);
                for (ulong left = reached; left != 0; left &= left - 1)
                {
                    found[h] += _unmet[BitOperations.TrailingZeroCount(left) * _hours + h];
                }
            }
        }

        _absorbs.Add((mask, found));
        return found;
    }

    /// <summary>How much nearness counts at a site for what is unserved, 0 to 1.</summary>
    public double NearnessOf(int site, ulong mask)
    {
        Freshen();
        double sum = 0;
        double weight = 0;
        double plainSum = 0;
        double plainWeight = 0;
        for (ulong left = mask; left != 0; left &= left - 1)
        {
            int c = BitOperations.TrailingZeroCount(left);
            double worth = _version.WorthOf(site, c);
            sum += worth * _unmetWorth[c];
            weight += _unmetWorth[c];
            plainSum += worth * (_version.TotalByClass[c] + Least);
            plainWeight += _version.TotalByClass[c] + Least;
        }

        return weight > Least ? sum / weight : plainWeight > 0 ? plainSum / plainWeight : 0;
    }

    /// <summary>What a class gets from a site in an hour.</summary>
    internal double FlowOf(int site, int demandClass, int hour) =>
        _bySite.TryGetValue(site, out FlowNode? node) ? node.Flow[demandClass * _hours + hour] : 0;

    private void Freshen()
    {
        if (_fresh)
        {
            return;
        }

        _absorbs.Clear();
        _loss = null;
        for (int c = 0; c < _classes; c++)
        {
            _unmetWorth[c] = 0;
            for (int h = 0; h < _hours; h++)
            {
                _unmetWorth[c] += _unmet[c * _hours + h] * _weights[h];
            }
        }

        AnyUnmet = _unmetByHour.AsSpan(_firstHour).ContainsAnyExceptInRange(double.NegativeInfinity, Least);
        _fresh = true;
    }

    private void SumUnmet()
    {
        Array.Clear(_unmetByHour);
        for (int c = 0; c < _classes; c++)
        {
            for (int h = 0; h < _hours; h++)
            {
                _unmetByHour[h] += _unmet[c * _hours + h];
            }
        }

        AnyUnmet = _unmetByHour.AsSpan(_firstHour).ContainsAnyExceptInRange(double.NegativeInfinity, Least);
    }

    private FlowNode NodeOf(int site)
    {
        if (!_bySite.TryGetValue(site, out FlowNode? node) && _beforeBySite?.TryGetValue(site, out node) == true)
        {
            node!.Begin();
            _bySite.Add(site, node);
            _nodes.Add(node);
        }
        else if (node is null)
        {
            node = new FlowNode(site, _version.SiteMask[site], _classes, _hours);
            for (int c = 0; c < _classes; c++)
            {
                node.Worth[c] = _version.WorthOf(site, c);
            }

            node.Order = [.. Enumerable.Range(0, _classes)
                .Where(c => (node.Mask >> c & 1) != 0).OrderByDescending(c => node.Worth[c]).ThenBy(c => c)];
            _bySite.Add(site, node);
            _nodes.Add(node);
            _pairs = null;
        }

        return node!;
    }

    /// <summary>Nearest first; of equally near ones the class that fewer sites may serve.</summary>
    private (FlowNode, int)[] PairsByWorth()
    {
        var sites = new int[_classes];
        foreach (FlowNode node in _nodes)
        {
            foreach (int c in node.Order)
            {
                sites[c]++;
            }
        }

        return [.. _nodes.SelectMany(n => n.Order.Select(c => (n, c)))
            .OrderByDescending(p => p.n.Worth[p.c]).ThenBy(p => sites[p.c]).ThenBy(p => p.n.Site).ThenBy(p => p.c)];
    }

    private double Take(FlowNode node, int c, int h)
    {
        int at = c * _hours + h;
        double take = Math.Min(node.Capacity[h] - node.Used[h], _unmet[at]);
        if (take <= 0)
        {
            return 0;
        }

        node.Flow[at] += take;
        node.Used[h] += take;
        _unmet[at] -= take;
        return take;
    }

    private void Serve(FlowNode node, int h)
    {
        if (_unmetByHour[h] <= Least)
        {
            return;
        }

        foreach (int c in node.Order)
        {
            _unmetByHour[h] -= Take(node, c, h);
        }

        while (_unmetByHour[h] > Least && (node.Mask & ~_stuck[h]) != 0
            && node.Capacity[h] - node.Used[h] > Least && Augment(node, h))
        {
        }
    }

    /// <summary>Finds one path: this node takes a class over from another one, which takes over another class, until
    /// one is reached of which something is unserved.</summary>
    private bool Augment(FlowNode start, int h)
    {
        Span<int> parent = stackalloc int[64];
        Span<int> queue = stackalloc int[64];
        var via = new FlowNode?[_classes];
        int head = 0;
        int tail = 0;
        ulong visited = start.Mask;
        foreach (int c in start.Order)
        {
            (parent[c], via[c]) = (-1, start);
            queue[tail++] = c;
        }

        while (head < tail)
        {
            int c = queue[head++];
            if (_unmet[c * _hours + h] > Least)
            {
                return Shift(c, h, parent, via);
            }

            foreach (FlowNode node in _nodes)
            {
                if (node.Flow[c * _hours + h] <= Least)
                {
                    continue;
                }

                for (ulong left = node.Mask & ~visited; left != 0; left &= left - 1)
                {
                    int next = BitOperations.TrailingZeroCount(left);
                    visited |= 1UL << next;
                    (parent[next], via[next]) = (c, node);
                    queue[tail++] = next;
                }
            }
        }

        // No later path leads through what this one could reach.
        _stuck[h] |= visited;
        return false;
    }

    private bool Shift(int last, int h, ReadOnlySpan<int> parent, FlowNode?[] via)
    {
        double amount = _unmet[last * _hours + h];
        int at = last;
        for (; parent[at] >= 0; at = parent[at])
        {
            amount = Math.Min(amount, via[at]!.Flow[parent[at] * _hours + h]);
        }

        FlowNode start = via[at]!;
        amount = Math.Min(amount, start.Capacity[h] - start.Used[h]);
        for (at = last; parent[at] >= 0; at = parent[at])
        {
            via[at]!.Flow[at * _hours + h] += amount;
            via[at]!.Flow[parent[at] * _hours + h] -= amount;
        }

        start.Flow[at * _hours + h] += amount;
        start.Used[h] += amount;
        _unmet[last * _hours + h] -= amount;
        _unmetByHour[h] -= amount;
        return amount > Least;
    }

    /// <summary>Classes that capacity for some classes can help, directly or by freeing other capacity.</summary>
    private ulong Reach(ulong mask, int h)
    {
        ulong reached = mask;
        for (bool grew = true; grew;)
        {
            grew = false;
            foreach (FlowNode node in _nodes)
            {
                if ((node.Mask & ~reached) == 0)
                {
                    continue;
                }

                for (ulong left = node.Mask & reached; left != 0; left &= left - 1)
                {
                    if (node.Flow[BitOperations.TrailingZeroCount(left) * _hours + h] > Least)
                    {
                        reached |= node.Mask;
                        grew = true;
                        break;
                    }
                }
            }
        }

        return reached;
    }
}
