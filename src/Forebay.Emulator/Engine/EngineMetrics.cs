using Forebay.Core.Serving.Engine;
using Forebay.Core.Time;

namespace Forebay.Emulator.Engine;

/// <summary>Histograms of one engine, in seconds of model time and in tokens.</summary>
internal sealed class EngineMetrics
{
    private static readonly double[] Seconds =
        [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640];

    private static readonly double[] Tokens =
        [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000];

    public Histogram TimeToFirstToken { get; } = new(Seconds);

    public Histogram InterTokenLatency { get; } = new(Seconds);

    public Histogram EndToEnd { get; } = new(Seconds);

    public Histogram Queue { get; } = new(Seconds);

    public Histogram Prefill { get; } = new(Seconds);

    public Histogram Decode { get; } = new(Seconds);

    public Histogram PromptTokens { get; } = new(Tokens);

    public Histogram GenerationTokens { get; } = new(Tokens);

    public long Aborted { get; private set; }

    public void FirstToken(in EngineEvent happened, long submittedNs)
    {
        double wait = ToSeconds(happened.AtNs - submittedNs);
        double queued = ToSeconds(happened.QueuedNs);
        TimeToFirstToken.Record(wait);
        Queue.Record(queued);
        Prefill.Record(Math.Max(0, wait - queued));
    }

    public void Finished(in EngineEvent happened, Generation generation)
    {
        double decode = ToSeconds(happened.AtNs - generation.FirstTokenNs);
        EndToEnd.Record(ToSeconds(happened.AtNs - generation.SubmittedNs));
        Decode.Record(decode);
        PromptTokens.Record(generation.PromptTokens);
        GenerationTokens.Record(happened.Tokens);
        if (happened.Tokens > 1)
        {
            // One entry per gap, as engines count it, all at the mean: the model does not keep each token's time.
            InterTokenLatency.Record(decode / (happened.Tokens - 1), happened.Tokens - 1);
        }
    }

    public void Cancelled() => Aborted++;

    private static double ToSeconds(long ns) => ns / (double)Instant.NsPerSecond;
}

/// <summary>A histogram with fixed bounds, in Prometheus's form.</summary>
internal sealed class Histogram(double[] bounds)
{
    private readonly long[] _counts = new long[bounds.Length + 1];

    public double[] Bounds => bounds;

    public double Sum { get; private set; }

    public long Count { get; private set; }

    public long CountIn(int bucket) => _counts[bucket];

    public void Record(double value, long times = 1)
    {
        int at = Array.BinarySearch(bounds, value);
        _counts[at >= 0 ? at : ~at] += times;
        Sum += value * times;
        Count += times;
    }
}
