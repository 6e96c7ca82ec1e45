using Forebay.Control.FleetFile;
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
        FleetFileResult result = Fixture.Reader.Read(Fixture.Example(file), file);

        Assert.Equal("", ProblemText.Format(result.Problems));
        Assert.NotNull(result.Config);
    }

    [Fact]
    public void The_program_carries_the_small_example()
    {
        Assert.Equal(Fixture.Example("small.yaml"), DefaultFleet.ReadText());
    }
}
