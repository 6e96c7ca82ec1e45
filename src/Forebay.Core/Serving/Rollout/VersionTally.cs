using System.Collections.Concurrent;

namespace Forebay.Core.Serving.Rollout;

/// <summary>What became of the requests sent to one version at one provider.</summary>
public sealed class VersionArm
{
    /// <summary>Buckets of times: eight to a doubling from a tenth of a millisecond, an hour in the last.</summary>
    internal const int Buckets = 208;
    internal const int PerDoubling = 8;
    private const double LeastMs = 0.1;

    private readonly long[] _firstToken = new long[Buckets];
    private readonly long[] _outputToken = new long[Buckets];
    private long _served;
    private long _failed;

    public long Served => Volatile.Read(ref _served);

    /// <summary>Failures that were the deployment's doing.</summary>
    public long Failed => Volatile.Read(ref _failed);

    public long Answers => Served + Failed;

    /// <summary>Times to first token of streams, counted by bucket.</summary>
    public ReadOnlySpan<long> FirstToken => _firstToken;

    /// <summary>Times per output token of streams.</summary>
    public ReadOnlySpan<long> OutputToken => _outputToken;

    /// <summary>An answer was served. Times that are not known are negative.</summary>
    public void AddServed(double firstTokenMs, double outputTokenMs)
    {
        Interlocked.Increment(ref _served);
        Add(_firstToken, firstTokenMs);
        Add(_outputToken, outputTokenMs);
    }

    /// <summary>Adds what was counted before.</summary>
    internal void Add(ArmCounts counts)
    {
        _served += counts.Served;
        _failed += counts.Failed;
        for (int i = 0; i < Buckets; i++)
        {
            _firstToken[i] += i < counts.FirstToken.Count ? counts.FirstToken[i] : 0;
            _outputToken[i] += i < counts.OutputToken.Count ? counts.OutputToken[i] : 0;
        }
    }

    internal ArmCounts Read(string provider, bool isNew) =>
        new(provider, isNew, Served, Failed, Trimmed(_firstToken), Trimmed(_outputToken));

    private static long[] Trimmed(long[] counts) => counts[..(Array.FindLastIndex(counts, c => c != 0) + 1)];

    /// <summary>Adds what another counted.</summary>
    internal void Add(VersionArm other)
    {
        _served += other.Served;
        _failed += other.Failed;
        for (int i = 0; i < Buckets; i++)
        {
            _firstToken[i] += other._firstToken[i];
            _outputToken[i] += other._outputToken[i];
        }
    }

    public void AddFailed() => Interlocked.Increment(ref _failed);

    /// <summary>A quantile of counted times in milliseconds, the upper end of its bucket; 0 for none.</summary>
    public static double QuantileMs(ReadOnlySpan<long> counts, double share)
    {
        long all = 0;
        foreach (long count in counts)
        {
            all += count;
        }

        long below = 0;
        for (int i = 0; i < counts.Length && all > 0; i++)
        {
            below += counts[i];
            if (below >= share * all)
            {
                return LeastMs * Math.Pow(2, (i + 1.0) / PerDoubling);
            }
        }

        return 0;
    }

    private static void Add(long[] counts, double ms)
    {
        if (ms >= 0)
        {
            double at = PerDoubling * Math.Log2(Math.Max(ms, LeastMs) / LeastMs);
            Interlocked.Increment(ref counts[(int)Math.Min(at, Buckets - 1)]);
        }
    }
}

/// <summary>What an arm counted, to be stored.</summary>
/// <param name="Provider">The provider.</param>
/// <param name="IsNew">Whether it is the new version's.</param>
/// <param name="Served">Answers served.</param>
/// <param name="Failed">Failures that were the deployment's doing.</param>
/// <param name="FirstToken">Times to first token by bucket; those after the last that is above 0 are left out.</param>
/// <param name="OutputToken">Times per output token likewise.</param>
public sealed record ArmCounts(
    string Provider,
    bool IsNew,
    long Served,
    long Failed,
    IReadOnlyList<long> FirstToken,
    IReadOnlyList<long> OutputToken);

/// <summary>Both versions side by side at one provider.</summary>
public sealed class VersionPair(string provider)
{
    public string Provider => provider;

    public VersionArm Old { get; } = new();

    public VersionArm New { get; } = new();

    public VersionArm Of(bool isNew) => isNew ? New : Old;
}

/// <summary>Answers of a model's two versions, by provider. All members are safe for concurrent callers.</summary>
public sealed class VersionTally
{
    private readonly ConcurrentDictionary<string, VersionPair> _byProvider = new(StringComparer.Ordinal);

    /// <summary>A tally that goes on from what was counted.</summary>
    public static VersionTally From(IEnumerable<ArmCounts> counts)
    {
        var tally = new VersionTally();
        foreach (ArmCounts arm in counts)
        {
            tally.Of(arm.Provider).Of(arm.IsNew).Add(arm);
        }

        return tally;
    }

    /// <summary>What was counted, to be stored. Each number is one that was there; those of one answer may be a moment
    /// apart.</summary>
    public IReadOnlyList<ArmCounts> Read() =>
        [.. Pairs.SelectMany(p => (ArmCounts[])[p.Old.Read(p.Provider, false), p.New.Read(p.Provider, true)])];

    public VersionPair Of(string provider) => _byProvider.GetOrAdd(provider, static id => new VersionPair(id));

    /// <summary>By provider, in order.</summary>
    public IReadOnlyList<VersionPair> Pairs =>
        [.. _byProvider.Values.OrderBy(p => p.Provider, StringComparer.Ordinal)];

    /// <summary>
    /// What is compared: both versions at each provider that serves both, and taken together those at providers that
    /// serve one of them, which compares providers as well as versions and is the best there is.
    /// </summary>
    internal IReadOnlyList<VersionPair> Comparable()
    {
        var comparable = new List<VersionPair>();
        var apart = new VersionPair("different providers");
        foreach (VersionPair pair in Pairs)
        {
            if (pair.Old.Answers > 0 && pair.New.Answers > 0)
            {
                comparable.Add(pair);
            }
            else
            {
                apart.Old.Add(pair.Old);
                apart.New.Add(pair.New);
            }
        }

        if (apart.Old.Answers > 0 && apart.New.Answers > 0)
        {
            comparable.Add(apart);
        }

        return comparable;
    }

    /// <summary>Answers of the new version, at all providers.</summary>
    public long NewAnswers => _byProvider.Values.Sum(p => p.New.Answers);
}
