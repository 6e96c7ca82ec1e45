using Forebay.Control.FleetFile;
using Forebay.Core.Capacity;
using Forebay.Core.Fleet;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Control.FleetFile;

public sealed class ExamplesTests
{
    public static TheoryData<string> Files =>
    [
        .. Directory.GetFiles(Path.Combine(SharedFiles.RepositoryRoot, "examples"), "*.yaml")
            .Select(path => Path.GetFileName(path)),
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

        Assert.Equal(config.Models.Length, summary.Models.Length);
        Assert.NotEmpty(summary.Losses);
        Assert.All(summary.Losses, loss => Assert.True(loss.Survived, loss.ToString()));
    }

    private static string PathOf(string file) => Path.Combine(SharedFiles.RepositoryRoot, "examples", file);

    [Fact]
    public void The_program_carries_the_small_example()
    {
        Assert.Equal(Fixture.Example("small.yaml"), DefaultFleet.ReadText());
    }
}
