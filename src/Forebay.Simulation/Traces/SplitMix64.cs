namespace Forebay.Simulation.Traces;

/// <summary>
/// Repeatable randomness as a value: draws follow from a seed and a number (of a request, of a stream of draws), never
/// from a shared generator, so that request 17 draws the same whatever was drawn before it.
/// </summary>
/// <remarks>Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014, figure 17.</remarks>
public struct SplitMix64
{
    private const ulong GoldenGamma = 0x9E3779B97F4A7C15;
    private ulong _state;

    public SplitMix64(ulong seed, ulong number) => _state = Mix(seed + GoldenGamma) + Mix(~number);

    /// <summary>A bijection of 64 bits that leaves no visible trace of its input.</summary>
    public static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    public ulong NextUInt64() => Mix(_state += GoldenGamma);

    /// <summary>Uniform in [0, 1).</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in [0, <paramref name="bound"/>); the bias is below 2^-32 for bounds up to 2^31.</summary>
    public int NextInt(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        return (int)Math.BigMul(NextUInt64(), (ulong)bound, out _);
    }
}
