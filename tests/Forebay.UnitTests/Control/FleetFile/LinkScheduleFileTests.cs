using Forebay.Control.FleetFile;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Control.FleetFile;

public sealed class LinkScheduleFileTests
{
    private const string Fleet = """
        providers: [{id: p}]
        sites:
          - id: s
            provider: p
            country: US
            jurisdiction: us
            link:
              schedule_file: link.csv
              repeat_seconds: 50
        """;

    private static FleetFileResult Read(string? csv)
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "fleet.yaml");
        File.WriteAllText(path, Fleet);
        if (csv is not null)
        {
            File.WriteAllText(Path.Combine(folder.Path, "link.csv"), csv);
        }

        return Fixture.Reader.ReadFile(path);
    }

    [Fact]
    public void Steps_come_from_the_file_beside_the_fleet_file()
    {
        FleetFileResult result = Read("""
            # A comment.
            at_seconds,latency_ms,bandwidth_mbps,loss,available
            0,38,180.5,0.002,true

            40,0,,0,false
            """);

        Assert.Equal("", ProblemText.Format(result.Problems));
        var steps = result.Config!.Sites[0].Link!.Steps;
        Assert.Equal((0, 38, 180.5, 0.002, true), Of(0));
        Assert.Equal((40, 0, null, 0, false), Of(1));

        (double, double, double?, double, bool) Of(int i) => (
            steps[i].AtSeconds, steps[i].LatencyMs, steps[i].BandwidthMbps, steps[i].Loss, steps[i].Available);
    }

    [Theory]
    [InlineData(null, "there is no such file")]
    [InlineData("", "it has no steps")]
    [InlineData("0,1,2,3,true", "line 1: expected the header")]
    [InlineData("at_seconds,latency_ms,bandwidth_mbps,loss,available\n0,1,2\n", "line 2: expected 5 columns, found 3")]
    [InlineData("at_seconds,latency_ms,bandwidth_mbps,loss,available\n0,x,,0,true\n", "line 2: latency_ms 'x' is not a number")]
    [InlineData("at_seconds,latency_ms,bandwidth_mbps,loss,available\n0,1,,0,yes\n", "line 2: available 'yes' is neither")]
    [InlineData("at_seconds,latency_ms,bandwidth_mbps,loss,available\n0,1,,NaN,true\n", "line 2: loss 'NaN' is not a number")]
    public void What_is_wrong_is_said_with_its_line(string? csv, string expected)
    {
        FleetFileResult result = Read(csv);

        Assert.Null(result.Config);
        string problems = ProblemText.Format(result.Problems).Replace('"', '\'');
        Assert.Contains(expected, problems, StringComparison.Ordinal);
        Assert.Contains("schedule_file", problems, StringComparison.Ordinal);
    }

    [Fact]
    public void Steps_of_a_file_obey_the_rules_of_steps()
    {
        FleetFileResult result = Read("""
            at_seconds,latency_ms,bandwidth_mbps,loss,available
            0,38,,0,true
            60,38,,2,true
            60,-1,,0,true
            """);

        string problems = ProblemText.Format(result.Problems);
        Assert.Contains("not after the step before it", problems, StringComparison.Ordinal);
        Assert.Contains("loss", problems, StringComparison.Ordinal);
        Assert.Contains("latency_ms", problems, StringComparison.Ordinal);
        Assert.Contains("repeat_seconds", problems, StringComparison.Ordinal);
    }
}
