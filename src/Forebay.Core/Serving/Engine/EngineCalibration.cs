namespace Forebay.Core.Serving.Engine;

/// <summary>
/// How far a real engine stays behind the chip's peaks. The defaults are fitted to published MLPerf Inference v5.1
/// points; docs/reference/engine-model.md gives the fit, point by point, and where it fails.
/// </summary>
public sealed record EngineCalibration
{
    public static EngineCalibration Default { get; } = new();

    /// <summary>Share of the dense peak reached in BF16 and FP8.</summary>
    public double ComputeEfficiency { get; init; } = 0.65;

    /// <summary>Share of the dense peak reached in FP4.</summary>
    public double Fp4ComputeEfficiency { get; init; } = 0.40;

    /// <summary>Share of the memory's bandwidth reached.</summary>
    public double BandwidthEfficiency { get; init; } = 0.75;

    /// <summary>Share of the interconnect's bandwidth reached by the all-reduces of tensor parallelism.</summary>
    public double InterconnectEfficiency { get; init; } = 0.40;

    /// <summary>Scheduling, launches and sampling per step, in microseconds.</summary>
    public double StepOverheadUs { get; init; } = 8000;

    /// <summary>Added to each step when a replica spans several accelerators, in microseconds.</summary>
    public double ParallelOverheadUs { get; init; } = 2000;

    /// <summary>Added to each step per sequence in the batch, in microseconds.</summary>
    public double SequenceOverheadUs { get; init; } = 5;

    /// <summary>Share of memory left to the engine after the framework and activations.</summary>
    public double MemoryShare { get; init; } = 0.90;

    /// <summary>Interconnect bandwidth assumed where a chip's is not published, in GB/s.</summary>
    public double AssumedScaleUpGbPerS { get; init; } = 200;
}
