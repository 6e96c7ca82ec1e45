using System.CommandLine;
using System.Text.Json;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Executable;

public sealed class PlaceCommandTests
{
    private static readonly string Examples = Path.Combine(SharedFiles.RepositoryRoot, "examples");

    private static readonly string[] Placed =
    [
        "place", "--dry-run", "-c", Path.Combine(Examples, "placed", "fleet.yaml"),
        "--demand", Path.Combine(Examples, "placed", "demand.csv"), "--at", "2026-11-23T14:20:00Z",
    ];

    [Fact]
    public async Task It_prints_what_would_be_placed_and_why()
    {
        (int status, string output, string error) = await RunAsync(Placed);
        Assert.Equal((0, ""), (status, error));
        Assert.Contains("northwind-eu-trn2", output, StringComparison.Ordinal);
        Assert.Contains("Time binds", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_seed_prints_the_same_json()
    {
        (_, string first, _) = await RunAsync([.. Placed, "--json"]);
        (_, string second, _) = await RunAsync([.. Placed, "--json"]);
        Assert.Equal(first, second);
        using JsonDocument json = JsonDocument.Parse(first);
        Assert.True(json.RootElement.GetProperty("starts").GetArrayLength() > 20);
        Assert.InRange(json.RootElement.GetProperty("served_share").GetDouble(), 0.5, 1);
    }

    [Theory]
    [InlineData("No server runs on the data directory", "place", "--data", "nowhere")]
    [InlineData("no pool with placement: automatic", "place", "--dry-run", "-c", "small.yaml")]
    [InlineData("line 1: no column model", "place", "--dry-run", "-c", "placed/fleet.yaml", "--demand", "leo-backhaul.csv")]
    public async Task What_it_cannot_do_it_says(string words, params string[] arguments)
    {
        string[] full = [.. arguments.Select(a => a.Contains('.', StringComparison.Ordinal) ? Path.Combine(Examples, a) : a)];
        (int status, _, string error) = await RunAsync(full);
        Assert.Equal(1, status);
        Assert.Contains(words, error, StringComparison.Ordinal);
    }

    private static async Task<(int Status, string Output, string Error)> RunAsync(string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int status = await Program.BuildRoot().Parse(arguments).InvokeAsync(
            new InvocationConfiguration { Output = output, Error = error }, TestContext.Current.CancellationToken);
        return (status, output.ToString(), error.ToString());
    }
}
