using System.Globalization;
using System.Text.Json;
using Forebay.Control.Admin.Contract;
using Forebay.Core.Limits;
using Forebay.Core.Usage;
using Forebay.Storage;
using Forebay.Storage.Data;
using Forebay.TestKit;
using Forebay.TestKit.Upstreams;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary>Capacity comes, a proposal is applied, tenants get more at once; it is taken back, and a killed server
/// forgets none of it.</summary>
public sealed class LimitsFollowTests : IAsyncLifetime
{
    private const string Model = "atlas";
    private const int Promise = 1000;

    private readonly TemporaryFolder _folder = new();
    private ScriptedUpstream _upstream = null!;
    private ForebayProcess _server = null!;
    private string _key = "";

    private string Data => _folder.File("data");

    public async ValueTask InitializeAsync()
    {
        _upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));
        Write("one");
        await UseAsync(DateTimeOffset.FromUnixTimeMilliseconds(
            TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds()).AddHours(-3));
        _server = await ForebayProcess.ServeAsync(_folder.File("fleet.yaml"), Data);
        _key = await Cli.NewKeyAsync(Data, "acme");
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _upstream.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Capacity_that_comes_raises_limits_on_the_wire_and_a_rollback_and_kill_9_keep_their_word()
    {
        // 1. One provider: all would be lost with it, so nothing may rest on it.
        Assert.Null((await LookAsync()).Proposal);
        Assert.Equal(Promise, await LimitAsync());

        // 2. Another one comes by a reload: a proposal, and no change yet.
        Write("one", "two");
        await Cli.OkAsync(Data, "reload");
        LimitsFollowingView possible = await LookAsync();
        Assert.True(possible.Proposal?.Cause == "raise", string.Join('\n', possible.Arithmetic));
        LimitsFollowingView recorded = await LookAsync("--record");
        Assert.Equal(Promise, await LimitAsync());

        // 3. Applied: the next request gets more, and tenants can read why.
        string id = recorded.ProposalId!.Value.ToString(CultureInfo.InvariantCulture);
        LimitVersionView applied = await DecideAsync("apply", id);
        Assert.Equal(2 * Promise, await LimitAsync());
        Assert.Equal(applied, applied with { Version = 1, Proposal = recorded.ProposalId });
        Assert.Equal(applied.Version, (await DecideAsync("apply", id)).Version);
        JsonElement own = await OwnAsync();
        Assert.Equal(2, own.GetProperty("multipliers")[0].GetProperty("now").GetDouble());
        JsonElement change = own.GetProperty("changes")[0];
        Assert.Equal(
            ("output_tokens_per_minute", "1000", "2000", "capacity"), (
                change.GetProperty("name").GetString(), change.GetProperty("before").GetString(),
                change.GetProperty("after").GetString(), change.GetProperty("changed_by").GetString()));
        using (HttpResponseMessage metrics = await _server.Admin.GetAsync("/metrics"))
        {
            Assert.Contains(
                "forebay_limits_multiplier{", await metrics.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        // 4. Killed and started again: what held holds.
        await KillAsync();
        Assert.Equal(2 * Promise, await LimitAsync());

        // 5. Taken back: what is promised, and not less; doing it twice is doing it once.
        LimitVersionView back = await DecideAsync("rollback", id);
        Assert.Equal(Promise, await LimitAsync());
        Assert.Equal(back.Version, (await DecideAsync("rollback", id)).Version);
        await KillAsync();
        Assert.Equal(Promise, await LimitAsync());
        Ended late = await Cli.RunAsync(Data, "limits", "apply", id);
        Assert.Equal(1, late.Code);
        Assert.Contains("was applied by", late.Errors, StringComparison.Ordinal);

        // 6. All of it is on record.
        Assert.Contains("rollback of version 1", await Cli.OkAsync(Data, "limits", "history"), StringComparison.Ordinal);
        Assert.Contains("applied", await Cli.OkAsync(Data, "limits", "proposals"), StringComparison.Ordinal);
        Assert.Contains("limits.rollback", await Cli.OkAsync(Data, "audit", "list"), StringComparison.Ordinal);
        Assert.Contains("intact", await Cli.OkAsync(Data, "audit", "verify"), StringComparison.Ordinal);
    }

    private void Write(params string[] deployments) =>
        new TestFleet([.. deployments.Select(d => new TestDeployment(d, Model, _upstream.Address))])
        {
            Limits = $", output_tokens_per_minute: {Promise}",
            Server = "limits_follow: {mode: propose, least_history_hours: 0, steps: [1, 2], interval_seconds: 86400}",
        }.Write(_folder.File("fleet.yaml"));

    /// <summary>An hour of use by a tenant at its limit, recorded by a process before.</summary>
    private async Task UseAsync(DateTimeOffset from)
    {
        using DataDirectory directory = DataDirectory.Open(Data);
        await using LocalStore store = await LocalStore.OpenAsync(
            directory, TimeProvider.System, NullLogger.Instance, null, CancellationToken.None);
        for (ulong minute = 0; minute < 60; minute++)
        {
            long at = from.AddMinutes(minute).ToUnixTimeMilliseconds();
            store.Journal.Accept(new AcceptRecord(minute + 1, at, "acme", "key_1", Model, 100, Promise));
            store.Journal.Settle(new UsageRecord
            {
                RequestId = minute + 1,
                AcceptedUnixMs = at,
                Tenant = "acme",
                Key = "key_1",
                Model = Model,
                Outcome = UsageOutcome.Completed,
                Status = 200,
                Tokens = new TokenUsage(100, 0, 0, Promise),
            });
        }
    }

    private Task<LimitsFollowingView> LookAsync(params string[] more) => Cli.JsonAsync(
        Data, AdminJson.Default.LimitsFollowingView, ["limits", "propose", .. more]);

    private Task<LimitVersionView> DecideAsync(string command, string id) =>
        Cli.JsonAsync(Data, AdminJson.Default.LimitVersionView, "limits", command, id);

    /// <summary>The limit as a client reads it from an answer, and as the tenant is told.</summary>
    private async Task<int> LimitAsync()
    {
        Answer answer = await _server.Api.AskAsync(Calls.Messages(Model, key: _key));
        Assert.Equal(200, answer.Status);
        string header = answer.Headers["anthropic-ratelimit-output-tokens-limit"];
        JsonElement own = await OwnAsync();
        JsonElement limit = own.GetProperty("limits").EnumerateArray()
            .Single(l => l.GetProperty("name").GetString() == "output_tokens_per_minute");
        Assert.Equal(header, limit.GetProperty("limit").GetDecimal().ToString(CultureInfo.InvariantCulture));
        TenantLimitsView shown = await Cli.JsonAsync(
            Data, AdminJson.Default.TenantLimitsView, "limits", "show", "--tenant", "acme");
        Assert.Equal(header, shown.Limits.Single().Limit.ToString(CultureInfo.InvariantCulture));
        return int.Parse(header, CultureInfo.InvariantCulture);
    }

    private async Task<JsonElement> OwnAsync()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/limits");
        request.Headers.Add("x-api-key", _key);
        return (await _server.Api.AskAsync(request)).Json();
    }

    private async Task KillAsync()
    {
        _server.Signal(ProcessSignal.Kill);
        await _server.EndedAsync();
        await _server.DisposeAsync();
        _server = await ForebayProcess.ServeAsync(_folder.File("fleet.yaml"), Data);
    }
}
