using Forebay.Control.Admin.Contract;
using Forebay.Core.Limits;
using Forebay.TestKit;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary>kill -9 resets no limit: what was used up stays used up, and what the next process says was used is what the
/// ledger says.</summary>
public sealed class LimitKillTests
{
    private const string Model = "atlas";

    [Theory]
    [InlineData(", five_hour_window: {limit: 4, unit: requests}", "five_hour_window", "limit_five_hours")]
    [InlineData(", weekly_window: {limit: 80, unit: tokens}", "weekly_window", "limit_week")]
    [InlineData(", monthly_spend_usd: 0.01", "monthly_spend_usd", "limit_spend")]
    [InlineData(", classes: [{class: large, weekly_window: {limit: 0.01, unit: usd}}]", "weekly_window", "limit_week")]
    [InlineData(", requests_per_minute: 3", "requests_per_minute", "limit_requests")]
    public async Task What_was_used_up_is_used_up_after_kill_9(string limits, string name, string reason)
    {
        using var folder = new TemporaryFolder();
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));
        TestFleet fleet = new(new TestDeployment("d", Model, upstream.Address))
        {
            Limits = limits, Tail = "model_classes:\n  - {id: large, models: [atlas]}\n",
        };
        string file = fleet.Write(folder.File("fleet.yaml"));
        string data = folder.File("data");
        string key;
        int served = 0;
        await using (ForebayProcess first = await ForebayProcess.ServeAsync(file, data))
        {
            key = await Cli.NewKeyAsync(data, "acme");
            Answer last;
            while ((last = await first.Api.AskAsync(Calls.Messages(Model, key: key))).Status == 200)
            {
                served++;
            }

            Assert.Equal((429, reason), (last.Status, last.Headers["x-forebay-reason"]));
            Assert.True(served > 0);
            first.Signal(ProcessSignal.Kill);
            await first.EndedAsync();
        }

        await using ForebayProcess second = await ForebayProcess.ServeAsync(file, data);
        TenantLimitsView view = await Cli.JsonAsync(
            data, AdminJson.Default.TenantLimitsView, "limits", "show", "--tenant", "acme");
        UsageRowView ledger = Assert.Single(
            (await Cli.JsonAsync(data, AdminJson.Default.UsageView, "usage", "--by", "tenant")).Rows);
        Assert.Equal(served, ledger.Requests);
        LimitStatus status = Assert.Single(view.Limits, l => l.Name == name);
        if (name == "requests_per_minute")
        {
            // It refills by one in twenty seconds, and the process took less to start than to refill three.
            Assert.InRange(status.Used, 1, served);
            return;
        }

        Assert.Equal(
            status.Unit switch
            {
                "requests" => ledger.Requests,
                "tokens" => ledger.InputTokens + ledger.CacheWriteTokens + ledger.OutputTokens,
                _ => ledger.CustomerPriceMicros / 1e6m,
            },
            status.Used);
        Answer refused = await second.Api.AskAsync(Calls.Messages(Model, key: key));
        Assert.Equal((429, reason), (refused.Status, refused.Headers["x-forebay-reason"]));
        Assert.Contains("tier", await Cli.OkAsync(data, "limits", "history", "--tenant", "acme"), StringComparison.Ordinal);
    }
}
