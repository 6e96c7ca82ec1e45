using Forebay.Core.Capacity.Placement;

namespace Forebay.UnitTests.Core.Capacity.Placement;

/// <summary>
/// Tries every number of replicas of every version, build and pool, and rates each by the objective as the reference page
/// states it, with a flow of its own: the most that can be served of each version in each hour by the least cut over
/// classes, so that nothing is shared with what it judges but the problem. Without latency, which has no bearing on it.
/// </summary>
internal sealed class ExhaustivePlacement
{
    private readonly PlacementProblem _problem;
    private readonly List<(int Version, PlacementBuild Build, int Pool, int Slot, int Most)> _choices = [];

    public ExhaustivePlacement(PlacementProblem problem)
    {
        _problem = problem;
        Placements = 1;
        for (int v = 0; v < problem.Versions.Length; v++)
        {
            PlacementVersion version = problem.Versions[v];
            foreach (PlacementBuild build in version.Builds)
            {
                for (int p = 0; p < problem.Pools.Length; p++)
                {
                    PlacementPool pool = problem.Pools[p];
                    int slot = InterconnectSlots.For(build.AcceleratorsPerReplica, pool.InterconnectDomain);
                    if (build.AcceleratorType == pool.AcceleratorType && slot > 0 && version.MayRun[pool.Site]
                        && build.MemoryGb <= pool.UsableMemoryGb * build.AcceleratorsPerReplica)
                    {
                        int most = pool.AvailableByHour[0] / slot;
                        _choices.Add((v, build, p, slot, most));
                        Placements *= most + 1;
                    }
                }
            }
        }
    }

    /// <summary>An upper bound of the placements to try.</summary>
    public double Placements { get; }

    public double Best() => Best(0, new int[_choices.Count], [.. _problem.Pools.Select(p => p.AvailableByHour[0])]);

    private double Best(int at, int[] counts, int[] free)
    {
        if (at == _choices.Count)
        {
            return Rate(counts);
        }

        double best = double.NegativeInfinity;
        (_, _, int pool, int slot, _) = _choices[at];
        int room = free[pool];
        for (int n = 0; n * slot <= room; n++)
        {
            counts[at] = n;
            free[pool] = room - n * slot;
            best = Math.Max(best, Best(at + 1, counts, free));
        }

        counts[at] = 0;
        free[pool] = room;
        return best;
    }

    private double Rate(int[] counts)
    {
        PlacementConfig terms = _problem.Terms;
        double usd = 0;
        double horizon = Enumerable.Range(0, terms.HorizonHours).Sum(h => WeightOf(h, h + 1));
        for (int i = 0; i < counts.Length; i++)
        {
            (_, PlacementBuild build, int pool, int slot, _) = _choices[i];
            double hold = slot * horizon * (_problem.Pools[pool].UsdPerAcceleratorHour + terms.FreeUsdPerAcceleratorHour);
            usd -= counts[i] * (hold + build.AcceleratorsPerReplica * terms.ChangeUsdPerAccelerator);
        }

        for (int v = 0; v < _problem.Versions.Length; v++)
        {
            usd += Served(v, counts);
        }

        return usd;
    }

    private double Served(int v, int[] counts)
    {
        PlacementConfig terms = _problem.Terms;
        PlacementVersion version = _problem.Versions[v];
        PlacementDemand[] classes = [.. _problem.Demands.Where(d => d.Model == version.Model)];
        double input = classes.Sum(d => d.InputTokensPerSecond.Sum());
        double output = classes.Sum(d => d.OutputTokensPerSecond.Sum());
        if (classes.Length == 0)
        {
            return 0;
        }

        double Busy(PlacementBuild b) => input / b.PrefillTokensPerSecond + output / b.DecodeTokensPerSecond;
        PlacementBuild reference = version.Builds.MinBy(b => Busy(b) * b.AcceleratorsPerReplica)!;
        double worth = terms.ServedUsdPerAcceleratorHour * version.Weight * reference.AcceleratorsPerReplica;
        double usd = 0;
        for (int h = 0; h < terms.HorizonHours; h++)
        {
            double[] demand = [.. classes.Select(d => (1 + terms.ReserveShare)
                * (d.InputTokensPerSecond[h] / reference.PrefillTokensPerSecond
                    + d.OutputTokensPerSecond[h] / reference.DecodeTokensPerSecond))];

            // The most that can be served is the least, over all sets of classes, of the demand outside the set and the
            // capacity that reaches into it (Gale, 1957).
            double served = double.PositiveInfinity;
            for (int set = 0; set < 1 << classes.Length; set++)
            {
                double cut = 0;
                for (int c = 0; c < classes.Length; c++)
                {
                    cut += (set >> c & 1) == 0 ? demand[c] : 0;
                }

                for (int i = 0; i < counts.Length; i++)
                {
                    if (_choices[i].Version == v && counts[i] > 0 && Reaches(version, classes, _choices[i].Pool, set))
                    {
                        bool ready = _choices[i].Build.StartSeconds <= h * 3600;
                        cut += ready ? counts[i] * Busy(reference) / Busy(_choices[i].Build) : 0;
                    }
                }

                served = Math.Min(served, cut);
            }

            usd += served * worth * WeightOf(h, h + 1);
        }

        return usd;
    }

    private bool Reaches(PlacementVersion version, PlacementDemand[] classes, int pool, int set)
    {
        int site = _problem.Pools[pool].Site;
        for (int c = 0; c < classes.Length; c++)
        {
            double trip = classes[c].Region < 0 ? 0 : _problem.Sites[site].RoundTripMs[classes[c].Region];
            if ((set >> c & 1) != 0 && classes[c].MayServe[site] && trip < version.TimeToFirstTokenMs)
            {
                return true;
            }
        }

        return false;
    }

    private double WeightOf(double from, double to)
    {
        double scale = _problem.Terms.HalfLifeHours / Math.Log(2);
        return scale * (Math.Exp(-from / scale) - Math.Exp(-to / scale));
    }
}
