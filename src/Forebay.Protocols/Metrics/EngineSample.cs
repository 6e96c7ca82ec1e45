namespace Forebay.Protocols.Metrics;

/// <summary>What one reading of an engine's metrics page says, summed over its replicas; NaN for what it does not say.
/// Counters are totals since the engine's start.</summary>
public struct EngineSample
{
    public EngineSample()
    {
    }

    /// <summary>Requests in the batches.</summary>
    public double Running { get; set; } = double.NaN;

    /// <summary>Requests in the engine's queues.</summary>
    public double Waiting { get; set; } = double.NaN;

    /// <summary>Share of KV memory in use, the mean over replicas.</summary>
    public double KvUsageShare { get; set; } = double.NaN;

    /// <summary>Tokens that the KV memory holds.</summary>
    public double KvCapacityTokens { get; set; } = double.NaN;

    /// <summary>Counter: prompt tokens looked up in the prefix cache.</summary>
    public double PrefixQueries { get; set; } = double.NaN;

    /// <summary>Counter: prompt tokens found there.</summary>
    public double PrefixHits { get; set; } = double.NaN;

    /// <summary>The engine's own share of prefix hits, the mean over replicas.</summary>
    public double PrefixHitShare { get; set; } = double.NaN;

    /// <summary>Counter: prompt tokens taken in.</summary>
    public double PromptTokens { get; set; } = double.NaN;

    /// <summary>Counter: tokens produced.</summary>
    public double GenerationTokens { get; set; } = double.NaN;

    /// <summary>The engine's own rate of tokens produced, per second.</summary>
    public double GenerationTokensPerSecond { get; set; } = double.NaN;

    /// <summary>Whether the page was an engine's.</summary>
    public readonly bool IsKnown => !double.IsNaN(Running) || !double.IsNaN(Waiting);
}
