namespace Forebay.Core.Capacity;

/// <summary>A published number and where it was published.</summary>
/// <param name="Value">The number, in the unit of the property that holds it.</param>
/// <param name="Source">Where it was published.</param>
public sealed record SourcedValue(double Value, string Source);

/// <summary>A chip type of the catalogue. Rates are per chip, dense (no sparsity).</summary>
public sealed record Accelerator
{
    /// <summary>The name that pools use, such as <c>H100-SXM</c>.</summary>
    public required string Name { get; init; }

    public required string Vendor { get; init; }

    /// <summary>Dense BF16 rate in TFLOP/s.</summary>
    public required SourcedValue Bf16Tflops { get; init; }

    /// <summary>Dense FP8 rate in TFLOP/s; null where the chip has none.</summary>
    public SourcedValue? Fp8Tflops { get; init; }

    /// <summary>Dense FP4 rate in TFLOP/s; null where the chip has none.</summary>
    public SourcedValue? Fp4Tflops { get; init; }

    /// <summary>Memory in GB (1e9 bytes, or GiB where the source says so).</summary>
    public required SourcedValue HbmGb { get; init; }

    /// <summary>Memory bandwidth in TB/s.</summary>
    public required SourcedValue HbmTbPerS { get; init; }

    /// <summary>How many accelerators share one fast interconnect.</summary>
    public required SourcedValue InterconnectDomain { get; init; }

    /// <summary>Bandwidth of that interconnect in GB/s per chip and direction; null where not published.</summary>
    public SourcedValue? ScaleUpGbPerS { get; init; }

    /// <summary>Provisioned power per chip with its share of host, network and cooling, in kW; null where unknown.
    /// </summary>
    public SourcedValue? AllInKw { get; init; }

    /// <summary>Three-year rental in US dollars per hour; null where unknown.</summary>
    public SourcedValue? RentalThreeYearUsdPerHour { get; init; }

    /// <summary>On-demand prices in US dollars per hour, each of one seller.</summary>
    public SourcedValue[] OnDemandUsdPerHour { get; init; } = [];

    /// <summary>
    /// The dense rate in TFLOP/s that weights of a width run at: the narrowest format the chip has that holds them.
    /// </summary>
    /// <param name="bytesPerWeight">2 for BF16, 1 for FP8, 0.5 for FP4.</param>
    public double TflopsFor(double bytesPerWeight)
    {
        if (bytesPerWeight <= 0.5 && Fp4Tflops is not null)
        {
            return Fp4Tflops.Value;
        }

        return bytesPerWeight <= 1 && Fp8Tflops is not null ? Fp8Tflops.Value : Bf16Tflops.Value;
    }
}
