using System.Net;
using System.Text.Json;
using Forebay.Core.Access;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Concentration;
using Forebay.Core.Fleet;
using Forebay.Core.Usage;
using Xunit;

namespace Forebay.FunctionalTests.Control;

/// <summary>Concentration over the admin API, as status tells it and as metrics show it.</summary>
public sealed class AdminConcentrationTests
{
    [Fact]
    public async Task Shares_caps_and_the_index_are_answered_told_in_status_and_measured()
    {
        await using AdminHarness admin = await StartAsync();

        JsonElement view = await admin.GetAsync("/v1/concentration?window=hour");
        JsonElement group = view.GetProperty("groups").EnumerateArray().Single();
        Assert.Equal(1, group.GetProperty("served_share").GetDouble());
        Assert.Equal(1_500, group.GetProperty("served_tokens").GetInt64());
        Assert.Equal(2.5, group.GetProperty("spend_usd").GetDouble());
        Assert.Equal(1, view.GetProperty("herfindahl").GetProperty("served").GetDouble());
        JsonElement passed = view.GetProperty("passed").EnumerateArray().Single();
        Assert.Equal(("one-owner", "served", "constrain"), (
            passed.GetProperty("group").GetString(), passed.GetProperty("measure").GetString(),
            passed.GetProperty("action").GetString()));
        Assert.Equal(0, group.GetProperty("room_accelerators").GetInt64());
        Assert.Equal("served", group.GetProperty("room_bound_by").GetString());

        await admin.Concentration.LookAsync(CancellationToken.None);
        JsonElement status = await admin.GetAsync("/v1/status");
        Assert.Equal("one-owner", status.GetProperty("concentration_passed")[0].GetProperty("group").GetString());
        using HttpResponseMessage metrics = await admin.SendAsync(HttpMethod.Get, "/metrics", AdminRole.Viewer);
        string page = await metrics.Content.ReadAsStringAsync();
        Assert.Contains("forebay_concentration_share_ratio{", page, StringComparison.Ordinal);
        Assert.Contains("forebay_concentration_cap_passed{", page, StringComparison.Ordinal);
        Assert.Contains("forebay_concentration_herfindahl{", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_served_before_the_window_does_not_count()
    {
        await using AdminHarness admin = await StartAsync();
        admin.Time.Advance(TimeSpan.FromHours(2));

        JsonElement hour = await admin.GetAsync("/v1/concentration?window=hour");
        JsonElement day = await admin.GetAsync("/v1/concentration?window=day");

        Assert.Equal(0, hour.GetProperty("passed").GetArrayLength());
        Assert.Equal(1, day.GetProperty("passed").GetArrayLength());
        await admin.Concentration.LookAsync(CancellationToken.None);
        Assert.Single(admin.Concentration.Last.Passed);
    }

    [Fact]
    public async Task Csv_has_a_line_for_each_and_a_wrong_window_is_told()
    {
        await using AdminHarness admin = await StartAsync();

        using HttpResponseMessage csv = await admin.SendAsync(HttpMethod.Get, "/v1/concentration?format=csv");
        string[] lines = (await csv.Content.ReadAsStringAsync()).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith("kind,id,leased_accelerators,leased_share,served_tokens", lines[0], StringComparison.Ordinal);
        Assert.Contains(lines, l => l.StartsWith("group,one-owner,", StringComparison.Ordinal));
        Assert.StartsWith("herfindahl,", lines[^1], StringComparison.Ordinal);

        using HttpResponseMessage wrong = await admin.SendAsync(HttpMethod.Get, "/v1/concentration?window=week&format=xml");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, wrong.StatusCode);
        string problems = await wrong.Content.ReadAsStringAsync();
        Assert.Contains("hour, day, month", problems, StringComparison.Ordinal);
        Assert.Contains("json, csv", problems, StringComparison.Ordinal);
    }

    private static async Task<AdminHarness> StartAsync()
    {
        AdminHarness admin = await AdminHarness.StartAsync();
        FleetConfig config = admin.Fleet.Model.Config;
        ProviderConfig provider = config.Providers[0] with { ConcentrationGroups = ["one-owner"] };
        admin.Fleet.Model = FleetModel.Build(
            config with
            {
                Providers = [provider, .. config.Providers.Skip(1)],
                ConcentrationGroups =
                [
                    new ConcentrationGroupConfig
                    {
                        Id = "one-owner",
                        Caps = new ConcentrationCapsConfig
                        {
                            ServedShare = new ConcentrationCapConfig { Max = 0.5, Action = CapAction.Constrain },
                        },
                    },
                ],
            },
            System.Collections.Frozen.FrozenDictionary<string, Uri>.Empty);
        admin.Usage.Settle(new UsageRecord
        {
            RequestId = 1,
            AcceptedUnixMs = admin.Time.GetUtcNow().ToUnixTimeMilliseconds(),
            Tenant = "t",
            Key = "k",
            Model = "m",
            Deployment = "gone",
            Provider = provider.Id,
            Outcome = UsageOutcome.Completed,
            Tokens = new TokenUsage(900, 100, 0, 500),
            ProviderCostMicros = 2_500_000,
        });
        return admin;
    }
}
