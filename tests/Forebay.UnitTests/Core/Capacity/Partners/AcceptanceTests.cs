using Forebay.Core.Capacity.Partners;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Partners;

public sealed class AcceptanceTests
{
    private static readonly AcceptanceConfig Terms = new()
    {
        MaxErrorShare = 0.01, TimeToFirstTokenP95Ms = 1000, Tolerance = 0.05,
    };

    [Fact]
    public void What_meets_its_promise_counts_whole()
    {
        AcceptanceReport report = Judge(Measured(64, 1000));

        Assert.Equal((AcceptanceVerdict.Passed, 64), (report.Verdict, report.Usable));
        Assert.Empty(report.Findings);
    }

    [Fact]
    public void Within_the_tolerance_is_met() =>
        Assert.Equal((AcceptanceVerdict.Passed, 64), Outcome(Judge(Measured(64, 951))));

    [Fact]
    public void Fewer_accelerators_count_as_many_as_there_are()
    {
        AcceptanceReport report = Judge(Measured(48, 1000));

        Assert.Equal((AcceptanceVerdict.Shortfall, 48), Outcome(report));
        Assert.Equal(["48 accelerators reported of 64 contracted"], report.Findings);
    }

    [Theory]
    [InlineData(CountBasis.Reported, "reported")]
    [InlineData(CountBasis.Claimed, "claimed")]
    public void A_count_that_the_throughput_does_not_fit_is_caught(CountBasis basis, string word)
    {
        AcceptanceReport report = Judge(Measured(64, 250) with { CountBasis = basis });

        Assert.Equal((AcceptanceVerdict.Shortfall, 16), Outcome(report));
        Assert.Contains($"the throughput fits 16 accelerators, not the 64 {word}", report.Findings);
    }

    [Fact]
    public void Failed_and_late_answers_take_their_share()
    {
        Assert.Equal((AcceptanceVerdict.Shortfall, 48), Outcome(Judge(Measured(64, 1000) with { Failed = 25 })));
        Assert.Equal(
            (AcceptanceVerdict.Shortfall, 32),
            Outcome(Judge(Measured(64, 1000) with { TimeToFirstTokenP95Ms = 2000 })));
    }

    [Fact]
    public void What_answers_nothing_counts_nothing() => Assert.Equal(
        (AcceptanceVerdict.Failed, 0),
        Outcome(Judge(Measured(64, 0) with { Failed = 100, TimeToFirstTokenP95Ms = 0 })));

    [Fact]
    public void A_quota_counts_by_throughput_alone()
    {
        AcceptanceReport report = Acceptance.Judge(
            Measured(0, 500) with { CountBasis = CountBasis.None }, new ProbePromise(60_000, false, 1000), Terms);

        Assert.Equal((AcceptanceVerdict.Shortfall, 30_000), Outcome(report));
    }

    [Fact]
    public void Worse_never_counts_for_more()
    {
        for (int seed = 0; seed < 2000; seed++)
        {
            var random = new Random(seed);
            ProbeMeasurement good = Measured(random.Next(80), random.Next(1500)) with
            {
                Failed = random.Next(100), TimeToFirstTokenP95Ms = random.Next(1, 3000),
            };
            ProbeMeasurement worse = good with
            {
                Accelerators = random.Next((int)good.Accelerators + 1),
                OutputTokens = random.NextInt64(good.OutputTokens + 1),
                Failed = random.Next(good.Failed, 101),
                TimeToFirstTokenP95Ms = good.TimeToFirstTokenP95Ms + random.Next(1000),
            };

            AcceptanceReport report = Judge(good);
            Assert.InRange(report.Usable, 0, report.Promised.Quantity);
            Assert.True(Judge(worse).Usable <= report.Usable, $"seed {seed}");
        }
    }

    private static (AcceptanceVerdict, long) Outcome(AcceptanceReport report) => (report.Verdict, report.Usable);

    private static AcceptanceReport Judge(ProbeMeasurement measured) =>
        Acceptance.Judge(measured, new ProbePromise(64, true, 1000), Terms);

    private static ProbeMeasurement Measured(long accelerators, long tokensPerSecond) => new(
        "p", 1, accelerators, CountBasis.Reported, 100, 0, tokensPerSecond * 10, 10, 300, 900, []);
}
