namespace Forebay.Core.Serving;

/// <summary>
/// Keeps retries a bounded share of all requests, so that a failing fleet is not also flooded: every request puts a
/// fraction of a retry in, every retry takes one out, and at most <see cref="ReserveRetries"/> pile up. Lock-free.
/// </summary>
public sealed class RetryBudget
{
    /// <summary>Retries that may be saved up; also what a quiet start has at hand.</summary>
    public const int ReserveRetries = 10;

    private const long UnitsPerRetry = 1_000;
    private long _units = ReserveRetries * UnitsPerRetry;

    /// <summary>Counts a request towards the budget.</summary>
    public void Deposit(double retriesPerRequest)
    {
        long add = (long)(retriesPerRequest * UnitsPerRetry);
        long seen = Volatile.Read(ref _units);
        while (seen < ReserveRetries * UnitsPerRetry)
        {
            long next = Math.Min(ReserveRetries * UnitsPerRetry, seen + add);
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
