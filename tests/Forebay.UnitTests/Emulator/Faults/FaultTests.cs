using Forebay.Emulator.Faults;
using Xunit;

namespace Forebay.UnitTests.Emulator.Faults;

public sealed class FaultTests
{
    [Theory]
    [InlineData("429", FaultKind.Status, 429, -1)]
    [InlineData("429-retry-after=2", FaultKind.Status, 429, 2)]
    [InlineData("529", FaultKind.Status, 529, -1)]
    [InlineData("cut=5", FaultKind.Cut, 0, 5)]
    [InlineData("stall", FaultKind.Stall, 0, 0)]
    [InlineData("slow=2.5", FaultKind.Slow, 0, 2.5)]
    public void Faults_are_read(string text, FaultKind kind, int status, double amount)
    {
        Assert.True(Fault.TryParse(text, out Fault fault, out string? problem));
        Assert.Null(problem);
        Assert.Equal(new Fault(kind, status, amount, 1), fault);
    }

    [Theory]
    [InlineData("")]
    [InlineData("404")]
    [InlineData("cut=x")]
    [InlineData("cut=-1")]
    [InlineData("500@1.5")]
    [InlineData("500@0.1@0.2")]
    public void What_is_not_a_fault_is_refused_with_the_words_at_fault(string text)
    {
        Assert.False(Fault.TryParse(text, out _, out string? problem));
        Assert.Contains($"\"{text}\"", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_probability_is_kept_and_the_same_seed_strikes_the_same_requests()
    {
        Assert.True(Fault.TryParse("500@0.25", out Fault fault, out _));

        bool[] once = [.. Enumerable.Range(0, 4000).Select(i => fault.Strikes(7, i))];
        bool[] again = [.. Enumerable.Range(0, 4000).Select(i => fault.Strikes(7, i))];
        bool[] other = [.. Enumerable.Range(0, 4000).Select(i => fault.Strikes(8, i))];

        Assert.Equal(once, again);
        Assert.NotEqual(once, other);
        Assert.InRange(once.Count(s => s), 900, 1100);
    }
}
