using Forebay.Control.FleetFile;
using Forebay.Core.Config;
using Forebay.Core.Limits.Following;
using Forebay.Core.Limits.Following.Cases;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Core.Limits.Following.Cases;

/// <summary>What the arrival of Colossus 1 proposes, from inputs that were fixed beforehand.</summary>
public sealed class ColossusCaseTests
{
    private const string Begin =
        "<!-- written by: forebay limits propose --demand examples/limits/colossus-1.yaml --markdown -->\n";
    private const string End = "<!-- end of what is written -->";

    private static readonly LimitCaseConfig Case = Read();

    private static LimitCaseConfig Read()
    {
        (LimitCaseConfig? config, IReadOnlyList<FleetFileProblem> problems) = LimitCaseFile.Read(
            Path.Combine(SharedFiles.RepositoryRoot, "examples", "limits", "colossus-1.yaml"));
        Assert.True(config is not null, ProblemText.Format(problems));
        return config!;
    }

    [Fact]
    public void The_page_holds_what_the_case_comes_to()
    {
        string page = File.ReadAllText(
            Path.Combine(SharedFiles.RepositoryRoot, "docs", "reference", "capacity", "limits-follow-capacity.md"));
        int from = page.IndexOf(Begin, StringComparison.Ordinal);
        int to = page.IndexOf(End, StringComparison.Ordinal);
        Assert.True(from >= 0 && to > from, "the page has lost the marks around the tables");
        Assert.True(
            page[(from + Begin.Length)..to] == $"\n{LimitCasePage.Write(Case)}\n",
            "The page is out of date. Put between its marks what this prints, an empty line before and after: " +
            "forebay limits propose --demand examples/limits/colossus-1.yaml --markdown");
    }

    [Fact]
    public void Every_figure_says_where_it_comes_from() => Assert.All(
        LimitCase.Figures(Case), f => Assert.True(
            f.Figure.Basis != Basis.Declared && f.Figure.Source!.Length > 0, $"{f.Name} has no source"));

    /// <summary>Sign: more, and the reduction of the peak hours lifted. Ranking: the smallest API tier first.</summary>
    [Fact]
    public void The_arrival_raises_and_lifts_the_reduction_of_the_peak_hours()
    {
        CaseResult result = LimitCase.Run(Case, new CaseVariant());
        Assert.Equal(ProposalCause.Raise, result.Step.Proposal!.Cause);
        TierMultiplier subscriptions = result.Then.Find("subscriptions", TierMultipliers.Unclassed)!;
        Assert.Empty(subscriptions.Reductions);
        double[] api =
        [
            .. Enumerable.Range(1, 4).Select(t => result.Then.At($"tier-{t}", TierMultipliers.Unclassed, 12)),
        ];
        Assert.True(api[0] > api[1]);
        Assert.Equal(api.OrderDescending(), api);
    }

    /// <summary>A sixteen-fold rise of a tier does not come from this capacity, whichever end any range is at.</summary>
    [Fact]
    public void No_single_unknown_makes_all_tiers_double_or_one_rise_sixteen_fold()
    {
        foreach (CaseFigure range in LimitCase.Ranges(Case))
        {
            foreach (RangeEnd end in (RangeEnd[])[RangeEnd.Low, RangeEnd.High])
            {
                TierMultipliers then = LimitCase.Run(Case, new CaseVariant(range.Name, end)).Then;
                Assert.Contains(then.Entries, e => e.Value < 2);
                Assert.DoesNotContain(then.Entries, e => e.Value >= 16);
            }
        }
    }

    [Fact]
    public void Zero_accelerators_give_no_proposal() =>
        Assert.Null(LimitCase.Run(Case, new CaseVariant(ArrivalScale: 0)).Step.Proposal);

    [Fact]
    public void Proposals_are_monotone_in_what_arrives()
    {
        TierMultipliers before = LimitCase.Run(Case, new CaseVariant(ArrivalScale: 0)).Then;
        for (double scale = 0.05; scale <= 4; scale += 0.05)
        {
            TierMultipliers next = LimitCase.Run(Case, new CaseVariant(ArrivalScale: scale)).Then;
            Assert.False(next.Against(before).Lowers, $"less at {scale} of the arrival");
            before = next;
        }
    }

    [Fact]
    public void A_vendor_of_chips_as_one_group_decides_whether_anything_follows() => Assert.Null(LimitCase.Run(
        Case with { Rules = Case.Rules with { Reserve = ReserveAgainst.LargestGroup } }, new CaseVariant()).Step.Proposal);
}
