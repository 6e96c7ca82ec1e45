using Forebay.Control.FleetFile;
using Forebay.Control.Partners;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Partners;
using Forebay.Core.Fleet;
using Forebay.Core.Fleet.Managed;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Control.FleetFile;

public sealed class ExamplesTests
{
    public static TheoryData<string> Files =>
    [
        .. Directory.GetFiles(Path.Combine(SharedFiles.RepositoryRoot, "examples"), "*.yaml")
            .Select(path => Path.GetFileName(path)).Where(name => !name.StartsWith("onboard-", StringComparison.Ordinal)),
    ];

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_example_is_valid(string file)
    {
        FleetFileResult result = Fixture.Reader.ReadFile(PathOf(file));

        Assert.Equal("", ProblemText.Format(result.Problems));
        Assert.NotNull(result.Config);
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_example_survives_the_loss_of_any_one_group_while_idle(string file)
    {
        FleetConfig config = Fixture.Reader.ReadFile(PathOf(file)).Config!;
        var engines = config.Deployments.ToDictionary(d => d.Id, _ => new Uri("http://127.0.0.1:1"));

        FleetSummary summary = FleetSummary.Of(FleetModel.Build(config, engines), []);

        // What placement is to start is not there yet: its spread is placement's to keep, and tested there.
        int served = config.Models.Count(
            m => m.Versions.Length == 0 || config.Deployments.Any(d => d.Model == m.Id));
        Assert.Equal(served, summary.Models.Length);
        Assert.Equal(served > 0, summary.Losses.Length > 0);
        Assert.All(summary.Losses, loss => Assert.True(loss.Survived, loss.ToString()));
    }

    [Fact]
    public void The_onboarding_example_is_valid_by_itself_and_joins_the_small_fleet()
    {
        string text = File.ReadAllText(PathOf("onboard-colossus-1.yaml"));
        var file = OnboardingFile.Read(text, "onboard-colossus-1.yaml");

        Assert.Equal("", ProblemText.Format(file.Problems));
        var whole = FleetComposition.Compose(
            Fixture.Reader.ReadFile(PathOf("small.yaml")).Config!,
            ManagedObjects.None.With("partner/colossus-1", OnboardingRules.PartOf(file.Offer!)),
            AcceleratorCatalogue.BuiltIn.Names.ToHashSet());
        Assert.Empty(whole.Problems);
    }

    private static string PathOf(string file) => Path.Combine(SharedFiles.RepositoryRoot, "examples", file);

    [Fact]
    public void The_program_carries_the_small_example()
    {
        Assert.Equal(Fixture.Example("small.yaml"), DefaultFleet.ReadText());
    }
}
