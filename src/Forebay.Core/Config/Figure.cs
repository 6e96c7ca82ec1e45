namespace Forebay.Core.Config;

/// <summary>Where a figure comes from.</summary>
public enum Basis : byte
{
    /// <summary>Stated by the operator of this fleet: the default for a bare number.</summary>
    Declared,

    /// <summary>Published by someone; <see cref="Figure.Source"/> says where.</summary>
    Reported,

    /// <summary>Nobody published it; <see cref="Figure.Source"/> says on what grounds it was assumed.</summary>
    Assumed,

    /// <summary>Derived from other figures; <see cref="Figure.Source"/> gives the arithmetic.</summary>
    Computed,
}

/// <summary>
/// A number with its provenance: a point, or a range where the terms are unknown or disputed. In the fleet file a bare
/// number is a declared point; a mapping <c>{value | min + max, basis, source}</c> says more.
/// </summary>
public sealed record Figure
{
    [ConfigKey("The number. Give value, or min and max, not both.")]
    public decimal? Value { get; init; }

    [ConfigKey("Lower end of the range where the number is unknown or disputed.")]
    public decimal? Min { get; init; }

    [ConfigKey("Upper end of the range.")]
    public decimal? Max { get; init; }

    [ConfigKey("declared, reported, assumed or computed. Anything but declared needs a source.")]
    public Basis Basis { get; init; }

    [ConfigKey("Where it was published, on what grounds it was assumed, or how it was computed.")]
    public string? Source { get; init; }

    /// <summary>The lower end: what may be counted on.</summary>
    public decimal Low => Value ?? Min ?? throw new InvalidOperationException("A figure has a value or a range.");

    /// <summary>The upper end.</summary>
    public decimal High => Value ?? Max ?? throw new InvalidOperationException("A figure has a value or a range.");

    /// <summary>Whether it has a number: what <see cref="Low"/> and <see cref="High"/> need. Every validated figure
    /// does.
    /// </summary>
    public bool HasNumber => (Value ?? Min) is not null && (Value ?? Max) is not null;

    public static Figure Of(decimal value) => new() { Value = value };
}
