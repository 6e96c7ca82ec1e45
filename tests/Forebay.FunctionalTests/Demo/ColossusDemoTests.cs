using System.Text.Json;
using Forebay.FunctionalTests.Server;
using Forebay.TestKit;
using Xunit;

namespace Forebay.FunctionalTests.Demo;

/// <summary>The demonstration as a user runs it: it checks itself, and leaves nothing behind.</summary>
public sealed class ColossusDemoTests
{
    private static readonly TimeSpan Generous = TimeSpan.FromMinutes(15);

    [Fact]
    public async Task Every_check_of_the_demonstration_holds_and_nothing_is_left()
    {
        using var folder = new TemporaryFolder();
        await using ForebayProcess demo = ForebayProcess.Launch(
            ["demo", "colossus", "--json"], ("TMPDIR", folder.Path));

        // Its end waits for the end of everything that it started.
        Ended ended = await demo.EndedAsync(Generous);

        Assert.True(ended.Code == 0, $"{ended.Errors}\n{ended.Output}");
        using JsonDocument report = JsonDocument.Parse(ended.Output);
        JsonElement root = report.RootElement;
        Assert.True(root.GetProperty("passed").GetBoolean());
        Assert.Equal(0, root.GetProperty("failed").GetInt32());
        Assert.Equal(0, root.GetProperty("lost_usage").GetInt64());
        Assert.Equal(0, root.GetProperty("residency_violations").GetInt64());
        Assert.Equal(3, root.GetProperty("parts").GetArrayLength());
        Assert.Equal(14, root.GetProperty("checks").GetArrayLength());
        Assert.All(root.GetProperty("checks").EnumerateArray(), c => Assert.True(c.GetProperty("holds").GetBoolean()));
        Assert.Empty(Directory.EnumerateDirectories(folder.Path, "forebay-demo-*"));
    }

    [Fact]
    public async Task A_demonstration_that_is_interrupted_leaves_nothing()
    {
        using var folder = new TemporaryFolder();
        await using ForebayProcess demo = ForebayProcess.Launch(
            ["demo", "colossus"], ("TMPDIR", folder.Path));
        await Eventually.TrueAsync(
            () => demo.Output.Contains("clients of 3 tenants", StringComparison.Ordinal), () => demo.Errors);

        demo.Signal(ProcessSignal.Interrupt);
        Ended ended = await demo.EndedAsync(Generous);

        Assert.Equal(1, ended.Code);
        Assert.Empty(Directory.EnumerateDirectories(folder.Path, "forebay-demo-*"));
    }
}
