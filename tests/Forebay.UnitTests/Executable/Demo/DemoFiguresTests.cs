using Forebay.Demo;
using Xunit;

namespace Forebay.UnitTests.Executable.Demo;

public sealed class DemoFiguresTests
{
    private static DemoSample At(double seconds, DemoEnd end, double firstMs = -1, int tokens = 0) => new(
        "acme", TimeSpan.FromSeconds(seconds - 1), TimeSpan.FromSeconds(seconds), end, firstMs, tokens, "one", null);

    [Fact]
    public void Only_what_ended_within_the_time_counts_and_only_right_answers_have_a_time()
    {
        DemoSample[] samples =
        [
            At(0.5, DemoEnd.Right, 900, 100),
            .. Enumerable.Range(1, 20).Select(i => At(1 + i / 100.0, DemoEnd.Right, i * 10, 5)),
            At(1.5, DemoEnd.Limited),
            At(1.6, DemoEnd.Failed, 5000, 3),
            At(1.7, DemoEnd.Wrong, 6000, 7),
            At(3, DemoEnd.Right, 900, 100),
        ];

        var figures = DemoFigures.Of(samples, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3));

        Assert.Equal((20, 1, 2), (figures.Answered, figures.Limited, figures.Bad));
        Assert.Equal((100.0, 190.0), (figures.FirstTokenP50Ms, figures.FirstTokenP95Ms));
        Assert.Equal((20 * 5 + 3 + 7) / 2.0, figures.TokensPerSecond);
    }

    [Fact]
    public void Where_nothing_was_answered_there_is_no_time()
    {
        var figures = DemoFigures.Of([], TimeSpan.Zero, TimeSpan.FromSeconds(1));

        Assert.True(double.IsNaN(figures.FirstTokenP95Ms));
        Assert.Equal(0, figures.TokensPerSecond);
    }
}
