namespace Forebay.Core.Serving.Routing;

/// <summary>How long a model's answers are on average, as seen lately. Racing writers may lose an observation.
/// </summary>
public sealed class OutputEstimate
{
    private const double Weight = 0.02;
    private const double Prior = 256;

    private double _mean = Prior;

    /// <summary>Output to expect of a request, in tokens.</summary>
    public double Expect(long? maxTokens) => Math.Min(Volatile.Read(ref _mean), maxTokens ?? double.MaxValue);

    /// <summary>Learns from a whole answer.</summary>
    public void Observe(long outputTokens) =>
        Volatile.Write(ref _mean, _mean + Weight * (Math.Max(0, outputTokens) - _mean));
}
