using Forebay.Simulation.Traces;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Simulation.Traces;

public sealed class SplitMix64Tests
{
    [Fact]
    public void Mix_is_the_published_function()
    {
        // First output of the reference implementation for seed 0: the mix of the golden gamma.
        Assert.Equal(0xE220A8397B1DCDAFUL, SplitMix64.Mix(0x9E3779B97F4A7C15));
    }

    [Fact]
    public void Draws_follow_from_seed_and_number_alone_and_differ_between_numbers()
    {
        Prop.ForAll<ulong, ulong>((seed, number) =>
        {
            ulong first = new SplitMix64(seed, number).NextUInt64();
            return first == new SplitMix64(seed, number).NextUInt64()
                && first != new SplitMix64(seed, number + 1).NextUInt64()
                && first != new SplitMix64(seed + 1, number).NextUInt64();
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Bounded_draws_fill_their_range_evenly()
    {
        var draw = new SplitMix64(5, 0);
        int[] counts = new int[10];
        for (int i = 0; i < 100_000; i++)
        {
            counts[draw.NextInt(10)]++;
        }

        // 100,000 draws: the standard deviation of a count is 95; this is more than five of them.
        Assert.All(counts, c => Assert.InRange(c, 9_500, 10_500));
    }

    [Fact]
    public void Uniform_draws_stay_below_one_and_average_a_half()
    {
        var draw = new SplitMix64(5, 1);
        double[] draws = [.. Enumerable.Range(0, 100_000).Select(_ => draw.NextDouble())];

        Assert.All(draws, d => Assert.InRange(d, 0, 1 - 1e-17));
        Assert.Equal(0.5, draws.Average(), 0.005);
    }
}
