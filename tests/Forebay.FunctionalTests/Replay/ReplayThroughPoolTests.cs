using System.CommandLine;
using System.Text.Json;
using Forebay.FunctionalTests.Server;
using Forebay.TestKit;
using Xunit;

namespace Forebay.FunctionalTests.Replay;

/// <summary><c>forebay replay</c> against a running <c>forebay up</c>, with the key and the ledger that it finds there.
/// </summary>
[Collection(nameof(UpFixture))]
public sealed class ReplayThroughPoolTests(UpFixture up)
{
    [Theory]
    [InlineData("conversation")]
    [InlineData("code")]
    [InlineData("agentic")]
    public async Task A_workload_runs_through_the_pool_and_the_ledger_agrees_to_the_token(string workload)
    {
        using var folder = new TemporaryFolder();
        string html = folder.File("report.html");
        var configuration = new InvocationConfiguration { Output = new StringWriter(), Error = new StringWriter() };

        int status = await Program.BuildRoot()
            .Parse(
            [
                "replay", "--data", up.Data, "--workload", workload, "--limit", "40", "--rate", "0.05", "--speed", "1000",
                "--json", "--html", html,
            ])
            .InvokeAsync(configuration, TestContext.Current.CancellationToken);

        Assert.Equal("", configuration.Error.ToString());
        Assert.Equal(0, status);
        using var json = JsonDocument.Parse(configuration.Output.ToString()!);
        JsonElement root = json.RootElement;
        JsonElement[] ledger = [.. root.GetProperty("ledger").EnumerateArray()];
        JsonElement[] served = [.. root.GetProperty("served").EnumerateArray()];
        Assert.Equal(40, ledger.Sum(l => l.GetProperty("requests").GetInt64()));
        foreach (string figure in (string[])["requests", "input_tokens", "cached_input_tokens", "output_tokens"])
        {
            Assert.Equal(
                ledger.Select(l => (l.GetProperty("provider").GetString(), l.GetProperty(figure).GetInt64())),
                served.Select(s => (s.GetProperty("provider").GetString(), s.GetProperty(figure).GetInt64())));
        }

        Assert.True(ledger.Sum(l => l.GetProperty("customer_price_micros").GetInt64()) > 0);
        Assert.Equal(workload == "code", root.GetProperty("splits").GetProperty("turn").GetArrayLength() == 1);
        Assert.Contains(
            "emulated engines, no accelerator", await File.ReadAllTextAsync(html), StringComparison.Ordinal);
    }
}
