using Forebay.Core.Limits;
using Xunit;

namespace Forebay.UnitTests.Core.Limits;

public sealed class OutputEstimatorTests
{
    [Fact]
    public void Nothing_is_claimed_before_enough_was_seen()
    {
        var estimator = new OutputEstimator();
        for (int i = 1; i < OutputEstimator.Enough; i++)
        {
            estimator.Observe(100);
            Assert.Null(estimator.P95Tokens);
        }

        estimator.Observe(100);
        Assert.InRange(estimator.P95Tokens!.Value, 100, 125);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void It_is_never_below_the_true_percentile_and_a_quarter_above_at_most(int seed)
    {
        var random = new Random(seed);
        for (int round = 0; round < 50; round++)
        {
            var estimator = new OutputEstimator();
            // Log-uniform lengths, so that every octave is met. Fewer than the horizon: nothing has faded.
            long[] seen = [.. Enumerable.Range(0, random.Next(OutputEstimator.Enough, OutputEstimator.Horizon - 1))
                .Select(_ => (long)Math.Exp(random.NextDouble() * Math.Log(OutputEstimator.LongestTokens)))];
            foreach (long tokens in seen)
            {
                estimator.Observe(tokens);
            }

            Array.Sort(seen);
            long exact = seen[(int)Math.Ceiling(0.95 * seen.Length) - 1];
            Assert.InRange(estimator.P95Tokens!.Value, exact, Math.Max(exact, (long)(exact * 1.25)));
        }
    }

    [Fact]
    public void What_is_old_fades()
    {
        var estimator = new OutputEstimator();
        for (int i = 0; i < 5_000; i++)
        {
            estimator.Observe(60_000);
        }

        int needed = 0;
        while (estimator.P95Tokens > 300)
        {
            estimator.Observe(250);
            needed++;
        }

        Assert.InRange(needed, 1, 6 * OutputEstimator.Horizon);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(long.MaxValue)]
    public void Any_count_can_be_seen(long tokens)
    {
        var estimator = new OutputEstimator();
        for (int i = 0; i < 3 * OutputEstimator.Horizon; i++)
        {
            estimator.Observe(tokens);
        }

        Assert.Equal(Math.Clamp(tokens, 0, OutputEstimator.LongestTokens), estimator.P95Tokens);
    }
}
