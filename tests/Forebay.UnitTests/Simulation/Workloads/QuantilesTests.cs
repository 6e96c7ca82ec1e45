using Forebay.Simulation.Workloads;
using Xunit;

namespace Forebay.UnitTests.Simulation.Workloads;

public sealed class QuantilesTests
{
    private static readonly Quantiles Sample = new((0, 10), (50, 20), (90, 100), (100, 100));

    [Theory]
    [InlineData(0, 10)]
    [InlineData(0.25, 15)]
    [InlineData(0.5, 20)]
    [InlineData(0.7, 60)]
    [InlineData(0.95, 100)]
    [InlineData(1, 100)]
    public void Values_lie_on_straight_lines_between_the_knots(double share, double expected) =>
        Assert.Equal(expected, Sample.At(share), 1e-9);

    [Fact]
    public void The_mean_is_the_area_under_the_lines() =>
        Assert.Equal(0.5 * 15 + 0.4 * 60 + 0.1 * 100, Sample.Mean, 1e-9);

    [Fact]
    public void The_published_shape_has_the_published_means_within_one_percent()
    {
        Assert.InRange(((Quantiles)PublishedWorkloads.Conversation.InputTokens).Mean, 1154.7 * 0.99, 1154.7 * 1.01);
        Assert.InRange(((Quantiles)PublishedWorkloads.Conversation.OutputTokens).Mean, 211.1 * 0.99, 211.1 * 1.01);
    }

    [Fact]
    public void Knots_that_do_not_span_or_rise_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new Quantiles((0, 1), (99, 2)));
        Assert.Throws<ArgumentException>(() => new Quantiles((0, 1), (50, 0), (100, 2)));
        Assert.Throws<ArgumentException>(() => new Quantiles((0, 1), (50, 1), (50, 2), (100, 2)));
    }
}
