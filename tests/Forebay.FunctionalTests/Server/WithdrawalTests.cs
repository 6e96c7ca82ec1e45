using Forebay.Control.Admin.Contract;
using Forebay.TestKit;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary>Capacity leaves a running server in order, at a time, or at once, and comes back.</summary>
public sealed class WithdrawalTests : IAsyncLifetime
{
    private const string Model = "m";

    private readonly TemporaryFolder _folder = new();
    private GatedUpstream _a = null!;
    private GatedUpstream _b = null!;
    private ForebayProcess _server = null!;
    private string _key = null!;

    private string Data => _folder.File("data");

    public async ValueTask InitializeAsync()
    {
        _a = await GatedUpstream.StartAsync();
        _b = await GatedUpstream.StartAsync();
        _server = await StartAsync();
        _key = await Cli.NewKeyAsync(Data, "acme");
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _a.DisposeAsync();
        await _b.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_drained_pool_gets_nothing_new_and_finishes_what_it_has()
    {
        Task<Answer> held = _server.Api.AskAsync(Calls.Messages(Model, stream: true, key: _key));
        await Eventually.TrueAsync(() => _a.Received == 1, () => _server.Errors);

        WithdrawalView leaving = await JsonAsync("drain", "a");
        Assert.Equal(("leaving", 1), (leaving.Phase, leaving.InFlightAtStart));
        _b.Open();
        Answer[] others = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(_ => _server.Api.AskAsync(Calls.Messages(Model, key: _key))));
        Assert.All(others, o => Assert.Equal("b", o.Headers["x-forebay-deployment"]));
        Assert.Contains("drain w-1", await Cli.OkAsync(Data, "status"), StringComparison.Ordinal);

        _a.Open();
        Answer answer = await Eventually.Within(held);
        Assert.True(answer.IsComplete);
        Assert.Equal("a", answer.Headers["x-forebay-deployment"]);
        await InPhaseAsync("w-1", "out");
        Assert.Equal(1, _a.Received);

        WithdrawalView back = await JsonAsync("withdrawals", "w-1", "--return");
        Assert.Equal(("returned", 5L, 0L, 0L), (
            back.Phase, back.Impact!.Served, back.Impact.Refused, back.Impact.Failed));
        Assert.Equal("a", (await _server.Api.AskAsync(Calls.Messages(Model, key: _key))).Headers["x-forebay-deployment"]);
    }

    [Fact]
    public async Task What_a_drill_cuts_goes_on_elsewhere_and_the_report_says_so()
    {
        _b.Open();
        Task<Answer> held = _server.Api.AskAsync(Calls.Messages(Model, key: _key));
        await Eventually.TrueAsync(() => _a.Received == 1, () => _server.Errors);

        Task<string> drill = Cli.OkAsync(Data, "drill", "lose", "a", "--provider", "--for", "1s");
        Answer moved = await Eventually.Within(held);
        string report = await Eventually.Within(drill);

        Assert.True(moved.IsComplete);
        Assert.Equal("b", moved.Headers["x-forebay-deployment"]);
        Assert.Contains("1 served, 1 of all moved, 0 refused, 0 failed", report, StringComparison.Ordinal);
        WithdrawalView view = await JsonAsync("withdrawals", "w-1");
        Assert.Equal(("returned", 1, 1), (view.Phase, view.InFlightAtStart, view.CutRequests));
        Assert.Contains(
            "capacity.drill", await Cli.OkAsync(Data, "audit", "list"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_with_nothing_left_is_refused_in_words_and_the_drill_says_that_it_was_not_survived()
    {
        await JsonAsync("drain", "a");
        Task<Ended> drill = Cli.RunAsync(Data, "drill", "lose", "b", "--provider", "--for", "2s");
        Answer? refused = null;
        await Eventually.TrueAsync(
            async () => (refused = await _server.Api.AskAsync(Calls.Messages(Model, key: _key))).Status != 200
                || refused.Headers["x-forebay-deployment"].Length == 0,
            () => _server.Errors);

        Assert.Equal("upstream_unavailable", refused!.Headers["x-forebay-reason"]);
        Ended ended = await Eventually.Within(drill);
        Assert.Equal(1, ended.Code);
        Assert.Contains("refused", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_killed_server_serves_nothing_from_what_was_withdrawn()
    {
        _a.Open();
        _b.Open();
        await Cli.OkAsync(Data, "drain", "a", "--wait");
        _server.Signal(ProcessSignal.Kill);
        await _server.EndedAsync();
        await _server.DisposeAsync();
        _server = await StartAsync();

        Answer[] answers = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(_ => _server.Api.AskAsync(Calls.Messages(Model, key: _key))));

        Assert.All(answers, o => Assert.Equal("b", o.Headers["x-forebay-deployment"]));
        Assert.Equal(0, _a.Received);
        Assert.Equal("out", (await JsonAsync("withdrawals", "w-1")).Phase);
    }

    [Fact]
    public async Task What_is_asked_wrongly_is_told_whole()
    {
        await JsonAsync("drain", "a");
        Ended twice = await Cli.RunAsync(Data, "drain", "a");
        Ended nothing = await Cli.RunAsync(Data, "drain", "nope", "--scope", "pol");
        Ended reclaim = await Cli.RunAsync(Data, "reclaim", "nope", "--at", "1h");

        Assert.Contains("w-1 withdraws the pool a already", twice.Errors, StringComparison.Ordinal);
        Assert.Contains("scope", nothing.Errors, StringComparison.Ordinal);
        Assert.Contains("the fleet has no such commitment", reclaim.Errors, StringComparison.Ordinal);
        Assert.Equal((1, 1, 1), (twice.Code, nothing.Code, reclaim.Code));
    }

    private Task<ForebayProcess> StartAsync()
    {
        var fleet = new TestFleet(
            new TestDeployment("a", Model, _a.Address, ", cost: [{input: 1, output: 1}]"),
            new TestDeployment("b", Model, _b.Address, ", cost: [{input: 9, output: 9}]"))
        {
            // Prices decide where requests go, however slow this machine is now.
            Server = "routing: {tolerance_ms: 60000}",
        };
        return ForebayProcess.ServeAsync(fleet.Write(_folder.File("forebay.yaml")), Data);
    }

    private Task<WithdrawalView> JsonAsync(params string[] arguments) =>
        Cli.JsonAsync(Data, AdminJson.Default.WithdrawalView, arguments);

    private Task InPhaseAsync(string id, string phase) => Eventually.TrueAsync(
        async () => (await JsonAsync("withdrawals", id)).Phase == phase, () => _server.Errors);
}
