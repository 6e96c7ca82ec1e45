using System.Net;
using System.Text.Json;
using Forebay.Core.Errors;
using Forebay.Core.Usage;
using Forebay.TestKit;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary>What the process does when it is told to stop or to read its file again.</summary>
public sealed class SignalTests : IAsyncLifetime
{
    private const string Model = "gated";

    private readonly TemporaryFolder _folder = new();
    private GatedUpstream _upstream = null!;

    private string Data => _folder.File("data");

    public async ValueTask InitializeAsync() => _upstream = await GatedUpstream.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _upstream.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData((int)ProcessSignal.Terminate)]
    [InlineData((int)ProcessSignal.Interrupt)]
    public async Task Told_to_stop_it_turns_new_requests_away_and_lets_those_in_flight_finish(int signal)
    {
        await using ForebayProcess server = await ServeAsync();
        string key = await Cli.NewKeyAsync(Data, "acme");
        using HttpResponseMessage stream = await BeginAsync(server, Calls.Messages(Model, stream: true, key: key));
        Task<Answer> plain = server.Api.AskAsync(Calls.Chat(Model, key: key));
        await Eventually.TrueAsync(() => _upstream.Received == 2, () => server.Errors);

        server.Signal((ProcessSignal)signal);
        JsonElement draining = await UntilDrainingAsync(server);
        Answer turnedAway = await server.Api.AskAsync(Calls.Messages(Model, key: key));
        _upstream.Open();

        Assert.Equal("draining", draining.GetProperty("failing")[0].GetProperty("condition").GetString());
        Assert.Equal((529, "draining", "true"),
            (turnedAway.Status, turnedAway.Headers["x-forebay-reason"], turnedAway.Headers["x-should-retry"]));
        Assert.True((await stream.ReadAsync()).IsComplete);
        Assert.True((await plain).IsComplete);
        Ended ended = await server.EndedAsync();
        Assert.True(ended.Code == 0, ended.Errors);
        Assert.Single(ended.Output.TrimEnd('\n').Split('\n'));
        Assert.False(File.Exists(Path.Combine(Data, "server.json")));
        Assert.Equal(
            [UsageOutcome.Completed, UsageOutcome.Completed],
            (await ServerRecords.ReadAsync(Data)).Select(r => r.Outcome));
    }

    [Fact]
    public async Task Past_the_drain_time_streams_end_with_an_error_that_may_be_retried()
    {
        await using ForebayProcess server = await ServeAsync("--drain-timeout", "0.2");
        string key = await Cli.NewKeyAsync(Data, "acme");
        using HttpResponseMessage anthropic = await BeginAsync(server, Calls.Messages(Model, stream: true, key: key));
        using HttpResponseMessage openAi = await BeginAsync(server, Calls.Chat(Model, stream: true, key: key));
        Task<Answer> plain = server.Api.AskAsync(Calls.Messages(Model, key: key));
        await Eventually.TrueAsync(() => _upstream.Received == 3, () => server.Errors);

        server.Signal(ProcessSignal.Terminate);

        Answer last = await anthropic.ReadAsync();
        Assert.Contains("event: error\n", last.Text, StringComparison.Ordinal);
        using JsonDocument error = JsonDocument.Parse(last.Events.Last());
        Assert.Equal("overloaded_error", error.RootElement.GetProperty("error").GetProperty("type").GetString());
        using JsonDocument chunk = JsonDocument.Parse((await openAi.ReadAsync()).Events.Last());
        Assert.Equal("draining", chunk.RootElement.GetProperty("error").GetProperty("code").GetString());
        Answer refused = await plain;
        Assert.Equal((529, "true"), (refused.Status, refused.Headers["x-should-retry"]));
        Ended ended = await server.EndedAsync();
        Assert.True(ended.Code == 0, ended.Errors);
        Assert.Equal(
            Enumerable.Repeat((UsageOutcome.Failed, Reason.Draining), 3),
            (await ServerRecords.ReadAsync(Data)).Select(r => (r.Outcome, r.Reason)));
    }

    [Fact]
    public async Task A_second_signal_ends_it_at_once_and_the_engines_with_it()
    {
        await using ForebayProcess server = await ForebayProcess.UpAsync(Data);
        using HttpResponseMessage stream = await BeginAsync(
            server, Calls.Messages("atlas-small", stream: true, fault: "stall=2"));
        Assert.Single(server.Children);

        server.Signal(ProcessSignal.Interrupt);
        await UntilDrainingAsync(server);
        server.Signal(ProcessSignal.Interrupt);

        Assert.Equal(1, (await server.EndedAsync()).Code);
        UsageRecord record = Assert.Single(await ServerRecords.ReadAsync(Data));
        Assert.Equal(UsageOutcome.Interrupted, record.Outcome);
    }

    [Fact]
    public async Task Hanging_up_reads_the_file_again()
    {
        await using ForebayProcess server = await ServeAsync();
        Assert.Equal(1, (await Cli.StatusAsync(Data)).FleetFile!.Loads);

        server.Signal(ProcessSignal.HangUp);

        await Eventually.TrueAsync(
            async () => (await Cli.StatusAsync(Data)).FleetFile!.Loads == 2, () => server.Errors);
    }

    [Fact]
    public async Task Stopped_while_it_starts_it_leaves_nothing_behind()
    {
        await using ForebayProcess server = ForebayProcess.Launch(
            ["up", "--json", "--port", "0", "--admin-port", "0", "--data", Data]);
        await Eventually.TrueAsync(() => server.Children.Count > 0, () => server.Errors);

        server.Signal(ProcessSignal.Terminate);

        Ended ended = await server.EndedAsync();
        Assert.Equal((0, 1), (ended.Output.Length == 0 ? 0 : 1, ended.Code));
        Assert.DoesNotContain("Unhandled", ended.Errors, StringComparison.Ordinal);
    }

    private Task<ForebayProcess> ServeAsync(params string[] more) => ForebayProcess.ServeAsync(
        new TestFleet(new TestDeployment("d", Model, _upstream.Address)).Write(_folder.File("forebay.yaml")),
        Data,
        more);

    /// <summary>Sends and waits for the first event, so that the request is in flight.</summary>
    private static async Task<HttpResponseMessage> BeginAsync(ForebayProcess server, HttpRequestMessage request)
    {
        HttpResponseMessage response = await server.Api.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return response;
    }

    private static async Task<JsonElement> UntilDrainingAsync(ForebayProcess server)
    {
        JsonElement found = default;
        await Eventually.TrueAsync(
            async () =>
            {
                using HttpResponseMessage ready = await server.Admin.GetAsync("/readyz");
                found = (await ready.ReadAsync()).Json();
                return ready.StatusCode == HttpStatusCode.ServiceUnavailable;
            },
            () => server.Errors);
        return found;
    }
}
