namespace Forebay.Core.Serving;

/// <summary>
/// Keeps retries a bounded share of all requests, so that a failing fleet is not also flooded: every request puts a
/// fraction of a retry in, every retry takes one out, and at most a reserve piles up. Lock-free.
/// </summary>
/// <param name="reserveRetries">Retries that may be saved up; also what a quiet start has at hand.</param>
public sealed class RetryBudget(int reserveRetries = RetryBudget.ReserveRetries)
{
    /// <summary>Reserve of a model.</summary>
    public const int ReserveRetries = 10;

    /// <summary>Reserve of the fleet: several models may fail at once.</summary>
    public const int FleetReserveRetries = 100;

    private const long UnitsPerRetry = 1_000_000;
    private readonly long _reserve = reserveRetries * UnitsPerRetry;
    private long _units = reserveRetries * UnitsPerRetry;

    /// <summary>Counts a request towards the budget.</summary>
    public void Deposit(double retriesPerRequest)
    {
        long add = (long)(retriesPerRequest * UnitsPerRetry);
        long seen = Volatile.Read(ref _units);
        while (seen < _reserve)
        {
            long next = Math.Min(_reserve, seen + add);
            long found = Interlocked.CompareExchange(ref _units, next, seen);
            if (found == seen)
            {
                return;
            }

            seen = found;
        }
    }

    /// <summary>Takes one retry out if one is there.</summary>
    public bool TryWithdraw()
    {
        long seen = Volatile.Read(ref _units);
        while (seen >= UnitsPerRetry)
        {
            long found = Interlocked.CompareExchange(ref _units, seen - UnitsPerRetry, seen);
            if (found == seen)
            {
                return true;
            }

            seen = found;
        }

        return false;
    }
}
