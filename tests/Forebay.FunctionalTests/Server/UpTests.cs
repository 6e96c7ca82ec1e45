using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Forebay.TestKit;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary><c>forebay up</c> as a new user meets it.</summary>
[Collection(nameof(UpFixture))]
public sealed partial class UpTests(UpFixture fixture)
{
    [Fact]
    public void Ready_is_one_json_line_of_four_fields()
    {
        string line = Assert.Single(fixture.Server.Output.TrimEnd('\n').Split('\n'));
        using JsonDocument ready = JsonDocument.Parse(line);

        Assert.Equal(
            ["admin_token", "admin_url", "api_key", "base_url"],
            ready.RootElement.EnumerateObject().Select(p => p.Name).Order());
        Assert.All(ready.RootElement.EnumerateObject(), p => Assert.NotEqual("", p.Value.GetString()));
        Assert.StartsWith("http://127.0.0.1:", fixture.Server.Ready.BaseUrl, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Both_dialects_answer_and_say_what_is_behind_them(bool stream)
    {
        Answer anthropic = await fixture.Server.Api.AskAsync(
            Calls.Messages("atlas-small", stream, key: fixture.Server.Ready.ApiKey));
        Answer openAi = await fixture.Server.Api.AskAsync(Calls.Chat("atlas-small", stream));

        Assert.True(anthropic.IsComplete, anthropic.Text);
        Assert.True(openAi.IsComplete, openAi.Text);
        Assert.All([anthropic, openAi], a => Assert.Equal("emulated", a.Headers["x-forebay-backing"]));
        Assert.Equal(stream, anthropic.Text.StartsWith("event: message_start", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Every_model_of_the_example_fleet_answers()
    {
        using JsonDocument list = JsonDocument.Parse(await fixture.Server.Api.GetStringAsync("/v1/models"));
        string[] models =
            [.. list.RootElement.GetProperty("data").EnumerateArray().Select(m => m.GetProperty("id").GetString()!)];

        Assert.Equal(["atlas-code", "atlas-large", "atlas-small"], models.Order());
        foreach (string model in models)
        {
            Answer answer = await fixture.Server.Api.AskAsync(Calls.Messages(model));
            Assert.True(answer.IsComplete, answer.Text);
        }
    }

    [Fact]
    public async Task For_people_it_prints_the_fleet_and_calls_that_work_as_they_stand()
    {
        using var folder = new TemporaryFolder();
        await using ForebayProcess server = ForebayProcess.Launch(
            ["up", "--port", "0", "--admin-port", "0", "--data", folder.File("data"), "--time-scale", "1000"]);
        await Eventually.TrueAsync(
            () => server.Output.Contains("Ctrl-C drains and stops.", StringComparison.Ordinal),
            () => server.Output + server.Errors);

        Assert.Matches(
            @"Forebay is ready: 3 providers, 5 sites, 7 deployments of 3 models \(0 real, 7 emulated, 0 cloud\)\.",
            server.Output);
        Assert.Contains("Headroom:", server.Output, StringComparison.Ordinal);
        Assert.Contains("The loss of any one of", server.Output, StringComparison.Ordinal);
        Assert.Matches(@"export ANTHROPIC_BASE_URL=http://127\.0\.0\.1:\d+ ANTHROPIC_API_KEY=\S+", server.Output);
        string[] calls = [.. CurlPattern().Matches(server.Output).Select(m => m.Value)];
        Assert.Equal(2, calls.Length);
        foreach (string call in calls)
        {
            var answer = new Answer(200, await RunAsync(call), new Dictionary<string, string>());
            Assert.True(answer.IsComplete, $"{call}\n{answer.Text}");
        }
    }

    [Fact]
    public async Task On_a_fresh_machine_it_makes_its_place_in_the_home_directory()
    {
        using var home = new TemporaryFolder();
        (string, string)[] fresh = [("HOME", home.Path), ("XDG_DATA_HOME", "")];
        await using ForebayProcess server = await ForebayProcess.StartAsync(
            ["up", "--json", "--port", "0", "--admin-port", "0"], fresh);

        string data = Path.Combine(home.Path, ".local", "share", "forebay");
        Assert.True(File.Exists(Path.Combine(data, "forebay.db")));
        Ended status = await ForebayProcess.RunAsync(["status"], fresh);
        Assert.True(status.Code == 0, status.Errors);
        Assert.Contains("ready, version", status.Output, StringComparison.Ordinal);
    }

    /// <summary>Runs a printed line as a shell does; curl is on every machine that this is meant for.</summary>
    private static async Task<string> RunAsync(string line)
    {
        Assert.SkipWhen(!File.Exists("/usr/bin/curl"), "curl is not installed");
        var start = new ProcessStartInfo("sh") { RedirectStandardOutput = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(line);
        using Process shell = Process.Start(start)!;
        return await Eventually.Within(shell.StandardOutput.ReadToEndAsync());
    }

    [GeneratedRegex("curl -sN .*")]
    private static partial Regex CurlPattern();
}
