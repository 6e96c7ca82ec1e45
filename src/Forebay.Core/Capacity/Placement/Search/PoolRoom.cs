using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Placement;

/// <summary>Accelerators of every pool that nobody holds, in each hour of the horizon. Below zero only where a pool
/// lost what stands on it.</summary>
internal sealed class PoolRoom
{
    private readonly int[] _free;
    private readonly int[] _least;
    private readonly int _hours;

    public PoolRoom(ImmutableArray<PlacementPool> pools, int hours)
    {
        _hours = hours;
        _free = new int[pools.Length * hours];
        _least = new int[pools.Length];
        for (int p = 0; p < pools.Length; p++)
        {
            for (int h = 0; h < hours; h++)
            {
                _free[p * hours + h] = At(pools[p].AvailableByHour, h) - At(pools[p].LeasedToOthersByHour, h);
            }

            Measure(p);
        }
    }

    public int Free(int pool, int hour) => _free[pool * _hours + hour];

    /// <summary>The first hour after this one in which so many are free; the number of hours for none.</summary>
    public int Later(int pool, int accelerators)
    {
        int hour = 1;
        while (hour < _hours && _free[pool * _hours + hour] < accelerators)
        {
            hour++;
        }

        return hour;
    }

    /// <summary>The hour at whose beginning a lease must end that begins with <paramref name="from"/>; the same hour
    /// for no lease at all.</summary>
    public int Until(int pool, int accelerators, int from)
    {
        if (_least[pool] >= accelerators)
        {
            return _hours;
        }

        int hour = from;
        while (hour < _hours && _free[pool * _hours + hour] >= accelerators)
        {
            hour++;
        }

        return hour;
    }

    /// <summary>The most accelerators that can be leased from one hour until another begins.</summary>
    public int Most(int pool, int from, int until)
    {
        if (from == 0 && until == _hours)
        {
            return _least[pool];
        }

        int most = int.MaxValue;
        for (int h = from; h < until; h++)
        {
            most = Math.Min(most, _free[pool * _hours + h]);
        }

        return until <= from ? 0 : most;
    }

    /// <summary>Leases accelerators, or gives them back where the number is negative.</summary>
    public void Take(int pool, int accelerators, int from, int until)
    {
        for (int h = from; h < until; h++)
        {
            _free[pool * _hours + h] -= accelerators;
        }

        Measure(pool);
    }

    private void Measure(int pool)
    {
        int least = int.MaxValue;
        for (int h = 0; h < _hours; h++)
        {
            least = Math.Min(least, _free[pool * _hours + h]);
        }

        _least[pool] = least;
    }

    private static int At(ImmutableArray<int> hours, int hour) =>
        hours.IsEmpty ? 0 : hours[Math.Min(hour, hours.Length - 1)];
}
