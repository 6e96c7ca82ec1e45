using Forebay.Core.Time;

namespace Forebay.Core.Capacity.Quotas;

/// <summary>What a request takes of a quota.</summary>
/// <param name="InputTokens">Tokens of the prompt.</param>
/// <param name="OutputTokens">Tokens of the answer.</param>
public readonly record struct QuotaUse(long InputTokens, long OutputTokens);

/// <summary>
/// Keeps requests to a provider's account within its quota, so that it is not asked for what it would refuse: a bucket
/// each for requests, input, output and all tokens per minute, filled continuously and holding one minute's worth.
/// Taken when a request is sent, by what is expected of it; settled when it ends, by what it used.
/// </summary>
/// <remarks>
/// One per pool, shared by its deployments, and safe for concurrent callers: one short lock a request. A request that
/// asks for more than a bucket ever holds goes once the bucket is full, so that none waits for ever; the bucket is then
/// below zero until it has filled again.
/// </remarks>
public sealed class QuotaMeter
{
    private const double NsPerMinute = 60.0 * Instant.NsPerSecond;

    private readonly Lock _lock = new();
    private readonly double _burndown;
    private Bucket _requests;
    private Bucket _input;
    private Bucket _output;
    private Bucket _all;

    /// <param name="config">The quota.</param>
    /// <param name="nowNs">The present, on the monotonic clock: every bucket is full.</param>
    public QuotaMeter(PoolQuotaConfig config, long nowNs)
    {
        Config = config;
        _burndown = config.OutputBurndown;
        _requests = new Bucket(config.RequestsPerMinute, nowNs);
        _input = new Bucket(config.InputTokensPerMinute, nowNs);
        _output = new Bucket(config.OutputTokensPerMinute, nowNs);
        _all = new Bucket(config.TokensPerMinute, nowNs);
    }

    /// <summary>What it was made from.</summary>
    public PoolQuotaConfig Config { get; }

    /// <summary>Takes what a request is expected to use, of every bucket or of none.</summary>
    /// <param name="expected">What it is expected to use.</param>
    /// <param name="nowNs">The present.</param>
    /// <param name="waitNs">Where it does not fit, how long until it does if nobody else comes; else 0.</param>
    public bool TryTake(QuotaUse expected, long nowNs, out long waitNs)
    {
        lock (_lock)
        {
            Fill(nowNs);
            double all = Weigh(expected);
            waitNs = Math.Max(
                Math.Max(_requests.WaitNs(1), _input.WaitNs(expected.InputTokens)),
                Math.Max(_output.WaitNs(expected.OutputTokens), _all.WaitNs(all)));
            if (waitNs > 0)
            {
                return false;
            }

            _requests.Add(-1);
            _input.Add(-expected.InputTokens);
            _output.Add(-expected.OutputTokens);
            _all.Add(-all);
            return true;
        }
    }

    /// <summary>Gives back what was taken for a request that was not sent.</summary>
    public void Return(QuotaUse expected, long nowNs)
    {
        lock (_lock)
        {
            Fill(nowNs);
            _requests.Add(1);
            _input.Add(expected.InputTokens);
            _output.Add(expected.OutputTokens);
            _all.Add(Weigh(expected));
        }
    }

    /// <summary>Puts what a request used in the place of what it was expected to.</summary>
    /// <param name="expected">What was taken.</param>
    /// <param name="used">What it used; tokens only, the request stays counted.</param>
    /// <param name="nowNs">The present.</param>
    public void Settle(QuotaUse expected, QuotaUse used, long nowNs)
    {
        lock (_lock)
        {
            Fill(nowNs);
            _input.Add(expected.InputTokens - (double)used.InputTokens);
            _output.Add(expected.OutputTokens - (double)used.OutputTokens);
            _all.Add(Weigh(expected) - Weigh(used));
        }
    }

    /// <summary>Takes in what the provider said of a limit: it counts what others use of the account too.</summary>
    /// <param name="lane">Which limit.</param>
    /// <param name="limitPerMinute">The limit; null where it was not told. It takes the place of the one configured.
    /// </param>
    /// <param name="remaining">What it says is left; null where it was not told. Only ever lowers what is thought to be
    /// left: what is on its way there is not in it yet.</param>
    /// <param name="nowNs">The present.</param>
    public void Learn(QuotaLane lane, long? limitPerMinute, long? remaining, long nowNs)
    {
        lock (_lock)
        {
            Fill(nowNs);
            ref Bucket bucket = ref Of(lane);
            if (limitPerMinute is > 0 and < Bucket.MostPerMinute)
            {
                bucket.Set(limitPerMinute.Value);
            }

            if (remaining is >= 0)
            {
                bucket.Lower(remaining.Value);
            }
        }
    }

    /// <summary>What is in force and left of a limit.</summary>
    /// <param name="lane">Which limit.</param>
    /// <param name="nowNs">The present.</param>
    /// <returns>Per minute, and what is left now; null where there is no such limit.</returns>
    public (double PerMinute, double Left)? Read(QuotaLane lane, long nowNs)
    {
        lock (_lock)
        {
            Fill(nowNs);
            ref Bucket bucket = ref Of(lane);
            return bucket.IsLimited ? (bucket.PerMinute, bucket.Level) : null;
        }
    }

    private double Weigh(QuotaUse use) => use.InputTokens + _burndown * use.OutputTokens;

    private ref Bucket Of(QuotaLane lane)
    {
        switch (lane)
        {
            case QuotaLane.Requests:
                return ref _requests;
            case QuotaLane.InputTokens:
                return ref _input;
            case QuotaLane.OutputTokens:
                return ref _output;
            default:
                return ref _all;
        }
    }

    private void Fill(long nowNs)
    {
        _requests.Fill(nowNs);
        _input.Fill(nowNs);
        _output.Fill(nowNs);
        _all.Fill(nowNs);
    }

    /// <summary>One limit. Without one it holds everything.</summary>
    private struct Bucket(long? perMinute, long nowNs)
    {
        /// <summary>Beyond this no provider's limit is a limit.</summary>
        public const long MostPerMinute = 1L << 50;

        private long _filledNs = nowNs;

        public double PerMinute { get; private set; } = perMinute ?? 0;

        public double Level { get; private set; } = perMinute ?? 0;

        public readonly bool IsLimited => PerMinute > 0;

        public readonly long WaitNs(double amount)
        {
            double lacking = Math.Min(amount, PerMinute) - Level;
            return !IsLimited || lacking <= 1e-6 ? 0
                : Math.Max(1, (long)Math.Ceiling(lacking / PerMinute * NsPerMinute));
        }

        public void Fill(long nowNs)
        {
            // Threads read the clock before they get the lock: a time that is past fills nothing.
            if (nowNs > _filledNs)
            {
                Level = Math.Min(PerMinute, Level + (nowNs - _filledNs) / NsPerMinute * PerMinute);
                _filledNs = nowNs;
            }
        }

        public void Add(double amount)
        {
            if (IsLimited)
            {
                Level = Math.Min(PerMinute, Level + amount);
            }
        }

        public void Set(double perMinute)
        {
            Level = IsLimited ? Math.Min(perMinute, Level + Math.Max(0, perMinute - PerMinute)) : perMinute;
            PerMinute = perMinute;
        }

        public void Lower(double left)
        {
            if (IsLimited)
            {
                Level = Math.Min(Level, left);
            }
        }
    }
}

/// <summary>The limits of a provider's account.</summary>
public enum QuotaLane : byte
{
    Requests,
    InputTokens,
    OutputTokens,

    /// <summary>Input and output together, output by its burndown.</summary>
    AllTokens,
}
