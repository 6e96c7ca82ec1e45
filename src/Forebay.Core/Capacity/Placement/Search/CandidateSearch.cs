namespace Forebay.Core.Capacity.Placement;

/// <summary>A pool that a version could use next.</summary>
/// <param name="Fit">Pool, build and slot.</param>
/// <param name="From">Hour at whose beginning the lease starts; 0 for now.</param>
/// <param name="Until">Hour at whose beginning the lease ends.</param>
/// <param name="ReadySeconds">Until it serves.</param>
/// <param name="Terms">What the first replica there brings and costs.</param>
/// <param name="Relief">By how much it lessens what a minimum lacks.</param>
/// <param name="Nearness">How near its users are, 0 to 1.</param>
/// <param name="HeadStartUsd">Worth of what it could serve before the first whole hour. Decides between pools that are
/// equal otherwise; too small a thing to start a replica for.</param>
internal readonly record struct Pick(
    PoolFit Fit,
    int From,
    int Until,
    double ReadySeconds,
    PlacementTerms Terms,
    int Relief,
    double Nearness,
    double HeadStartUsd)
{
    /// <summary>US dollars per accelerator held: what is scarce decides.</summary>
    public double Density => (Terms.NetUsd + HeadStartUsd) / Fit.Slot;
}

/// <summary>
/// Finds where one more replica of a version brings most. Cost of a look: the version's pools, plus sites x builds x
/// hours.
/// </summary>
internal sealed class CandidateSearch
{
    private readonly PlacementBoard _board;
    private readonly SiteTerms[] _sites;
    private readonly double[] _gains;
    private readonly int _builds;
    private readonly List<(double[] Absorbed, int Build, double[] Sums)> _tails = [];
    private int _tailLook;
    private int _look;

    public CandidateSearch(PlacementBoard board)
    {
        _board = board;
        _sites = new SiteTerms[board.Problem.Source.Sites.Length];
        _builds = Math.Max(1, board.Problem.Versions.Select(v => v.Builds.Length).DefaultIfEmpty(1).Max());
        _gains = new double[_sites.Length * _builds];
    }

    /// <summary>The best pool with room, or null.</summary>
    /// <param name="version">The version.</param>
    /// <param name="forMinimum">Whether what a minimum lacks decides before what demand brings.</param>
    /// <param name="without">A pool not to look at; negative for none.</param>
    /// <param name="later">Whether accelerators that are free only later will do.</param>
    public Pick? Best(int version, bool forMinimum, int without = -1, bool later = false)
    {
        _look++;
        CompiledVersion of = _board.Version(version);
        int deficit = forMinimum ? _board.Spreads[version].Deficit() : 0;
        Pick? best = null;
        ulong bestTie = 0;
        foreach (PoolFit fit in of.Fits)
        {
            if (fit.Pool == without || (!later && _board.Room.Free(fit.Pool, 0) < fit.Slot)
                || !_board.GroupsHave(fit.Pool, fit.Slot)
                || _board.IsRefused(version, fit.Pool))
            {
                continue;
            }

            int from = later ? _board.Room.Later(fit.Pool, fit.Slot) : 0;
            int until = _board.Room.Until(fit.Pool, fit.Slot, from);
            int relief = forMinimum ? deficit - _board.Spreads[version].DeficitWith(fit.Pool, 1) : 0;
            if (forMinimum && relief <= 0)
            {
                continue;
            }

            Pick pick = Weigh(version, of, fit, from, until, relief);
            if (forMinimum ? until == 0 : pick.Terms.NetUsd <= 0)
            {
                continue;
            }

            ulong known = _board.Spreads[version].StandsOn(fit.Pool) ? 1UL << 63 : 0;
            ulong tie = _board.Tie(version, fit.Pool) >> 1 | known;
            if (best is not { } b || Beats(pick, b, tie, bestTie))
            {
                best = pick;
                bestTie = tie;
            }
        }

        return best;
    }

    /// <summary>Forgets what sites were worth: before weighing for another version, or after anything
    /// changed.</summary>
    public void Refresh() => _look++;

    /// <summary>What one replica would bring on a pool, whether or not there is room, as of the last refresh.</summary>
    public Pick Weigh(int version, PoolFit fit, int from, int until) =>
        Weigh(version, _board.Version(version), fit, from, until, 0);

    /// <summary>How many replicas a pick is good for: as long as the next one gains more than it costs, and there is
    /// room.
    /// </summary>
    public int Most(int version, in Pick pick)
    {
        int room = _board.Room.Most(pick.Fit.Pool, pick.From, pick.Until) / pick.Fit.Slot;
        foreach (int group in _board.Problem.GroupsOf[pick.Fit.Pool])
        {
            room = (int)Math.Min(room, _board.GroupRoom[group] / pick.Fit.Slot);
        }

        if (pick.From == 0)
        {
            room = Math.Min(room, _board.Terms.MaxStarts - _board.Started);
        }

        CompiledVersion of = _board.Version(version);
        double cost = pick.Terms.HoldUsd + pick.Terms.ChangeUsd;
        int low = Math.Min(1, room);
        int high = Math.Max(low, room);
        ReadOnlySpan<double> fractions = _board.Fractions(pick.Fit.Pool, pick.ReadySeconds, pick.Until);
        double speed = of.Builds[pick.Fit.Build].Speed;
        double[] absorbed = _board.Flows[version].Absorbed(of.SiteMask[_board.Pool(pick.Fit.Pool).Site]);
        while (low < high)
        {
            int middle = low + (high - low + 1) / 2;
            double gain = Gain(absorbed, fractions, speed, middle - 1) * of.ReferenceUsd * pick.Nearness;
            (low, high) = gain > cost ? (middle, high) : (low, middle - 1);
        }

        return low;
    }

    private static bool Beats(in Pick pick, in Pick best, ulong tie, ulong bestTie)
    {
        const double Equal = 1e-9;
        if (pick.Relief != best.Relief)
        {
            return pick.Relief > best.Relief;
        }

        double difference = pick.Density - best.Density;
        return Math.Abs(difference) <= Equal * Math.Max(1, Math.Abs(best.Density)) ? tie > bestTie : difference > 0;
    }

    private Pick Weigh(int version, CompiledVersion of, PoolFit fit, int from, int until, int relief)
    {
        int site = _board.Pool(fit.Pool).Site;
        ref SiteTerms terms = ref _sites[site];
        if (terms.Look != _look)
        {
            terms = TermsOf(version, of, site);
            Array.Fill(_gains, double.NaN, site * _builds, _builds);
        }

        double start = of.Builds[fit.Build].Source.StartSeconds;
        double ready = Math.Max(terms.TransferSeconds, _board.Clock.StartOf(from) * 3600) + start;
        double gain;
        if (from == 0 && until == _board.Clock.Hours)
        {
            ref double known = ref _gains[site * _builds + fit.Build];
            if (double.IsNaN(known))
            {
                known = Gain(of, fit, ready, until, terms.Absorbed);
            }

            gain = known;
        }
        else
        {
            gain = Gain(of, fit, ready, until, terms.Absorbed);
        }

        return new Pick(
            fit,
            from,
            until,
            ready,
            new PlacementTerms(
                gain * of.ReferenceUsd * terms.Nearness,
                _board.HoldUsd(fit, from, until),
                _board.ChangeUsd(version, fit),
                terms.RoundTripMs,
                terms.TransferSeconds,
                start),
            relief,
            terms.Nearness,
            HeadStart(of, fit, ready, terms.Absorbed) * of.ReferenceUsd * terms.Nearness);
    }

    private SiteTerms TermsOf(int version, CompiledVersion of, int site)
    {
        ulong mask = of.SiteMask[site];
        DemandFlow flow = _board.Flows[version];
        double nearness = flow.NearnessOf(site, mask);
        double trip = _board.Terms.LatencyWeight > 0
            ? (1 - nearness) / _board.Terms.LatencyWeight * of.Source.TimeToFirstTokenMs
            : 0;
        return new SiteTerms(
            _look, nearness, mask == 0 ? 0 : trip, _board.TransferSeconds(version, site), flow.Absorbed(mask));
    }

    /// <summary>What a first replica finds to do in the hours that it serves whole.</summary>
    private double Gain(CompiledVersion of, PoolFit fit, double ready, int until, double[] absorbed)
    {
        double speed = of.Builds[fit.Build].Speed;
        double[] weights = _board.Clock.Weights;
        int whole = Math.Min(_board.Clock.HourAfter(ready / 3600), until);
        double gain = ready <= 0 ? weights[0] * Math.Min(absorbed[0], speed) : 0;
        if (until < weights.Length || !_board.Problem.Source.Sites[_board.Pool(fit.Pool).Site].UpShareByHour.IsEmpty)
        {
            ReadOnlySpan<double> fractions = _board.Fractions(fit.Pool, ready, until);
            gain = 0;
            for (int h = 0; h < until; h++)
            {
                gain += weights[h] * Math.Min(absorbed[h], speed * fractions[h]);
            }

            return gain;
        }

        // The hours that it serves whole are the same for every site from which the same classes are served.
        return gain + TailOf(absorbed, fit.Build, speed)[whole];
    }

    /// <summary>What it would find to do in the hour in whose midst it becomes ready.</summary>
    private double HeadStart(CompiledVersion of, PoolFit fit, double ready, double[] absorbed)
    {
        int hour = _board.Clock.HourAfter(ready / 3600) - 1;
        return ready <= 0 ? 0
            : _board.Clock.Weights[hour] * Math.Min(absorbed[hour], of.Builds[fit.Build].Speed)
                * _board.Clock.Fraction(ready, hour);
    }

    /// <summary>What a replica that serves from an hour on, whole, finds to do from then to the end of the
    /// horizon.</summary>
    private double[] TailOf(double[] absorbed, int build, double speed)
    {
        if (_tailLook != _look)
        {
            _tails.Clear();
            _tailLook = _look;
        }

        foreach ((double[] of, int known, double[] sums) in _tails)
        {
            if (ReferenceEquals(of, absorbed) && known == build)
            {
                return sums;
            }
        }

        double[] weights = _board.Clock.Weights;
        var tail = new double[weights.Length + 1];
        for (int h = weights.Length - 1; h >= 0; h--)
        {
            tail[h] = tail[h + 1] + weights[h] * Math.Min(absorbed[h], speed);
        }

        _tails.Add((absorbed, build, tail));
        return tail;
    }

    /// <summary>What one more replica serves where some stand before it.</summary>
    private double Gain(double[] absorbed, ReadOnlySpan<double> fractions, double speed, int before)
    {
        double[] weights = _board.Clock.Weights;
        double gain = 0;
        for (int h = 0; h < weights.Length; h++)
        {
            double own = speed * fractions[h];
            gain += weights[h] * Math.Clamp(absorbed[h] - before * own, 0, own);
        }

        return gain;
    }

    private record struct SiteTerms(
        int Look, double Nearness, double RoundTripMs, double TransferSeconds, double[] Absorbed);
}
