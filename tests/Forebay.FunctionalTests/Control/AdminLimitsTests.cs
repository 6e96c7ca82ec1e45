using System.Net;
using System.Text.Json;
using Forebay.Control.Limits;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Limits.Following;
using Forebay.Core.Time;
using Forebay.TestKit.Fleets;
using Xunit;

namespace Forebay.FunctionalTests.Control;

public sealed class AdminLimitsTests
{
    [Fact]
    public async Task An_operator_sees_any_tenants_limits_and_their_history()
    {
        await using AdminHarness admin = await AdminHarness.StartAsync();
        await ApplyAsync(admin, new TierConfig { Id = "standard", RequestsPerMinute = 10 }, "startup");
        await ApplyAsync(admin, new TierConfig { Id = "standard", RequestsPerMinute = 4 }, "file");
        Tenant tenant = admin.Fleet.Model.FindTenant("acme")!;
        _ = admin.Fleet.LimitsOf(tenant).Reserve(
            tenant.Limits, new LimitRequest("deep", null, 1, 1, default), Instant.From(admin.Time));

        JsonElement view = await admin.GetAsync("/v1/tenants/acme/limits");
        JsonElement history = await admin.GetAsync("/v1/tenants/acme/limits/history?limit=1");

        JsonElement limit = view.GetProperty("limits").EnumerateArray().Single();
        Assert.Equal(
            ("requests_per_minute", "requests", 4m, 1m, 3m),
            (limit.GetProperty("name").GetString(), limit.GetProperty("unit").GetString(),
                limit.GetProperty("limit").GetDecimal(), limit.GetProperty("used").GetDecimal(),
                limit.GetProperty("remaining").GetDecimal()));
        Assert.Equal("requests_per_minute", view.GetProperty("binds").GetProperty("name").GetString());
        JsonElement change = history.GetProperty("changes").EnumerateArray().Single();
        Assert.Equal(
            ("10", "4", "file"),
            (change.GetProperty("before").GetString(), change.GetProperty("after").GetString(),
                change.GetProperty("changed_by").GetString()));
    }

    [Theory]
    [InlineData("/v1/tenants/nobody/limits")]
    [InlineData("/v1/tenants/nobody/limits/history")]
    public async Task A_tenant_that_is_not_there_is_told_so(string path)
    {
        await using AdminHarness admin = await AdminHarness.StartAsync();

        using HttpResponseMessage response = await admin.SendAsync(HttpMethod.Get, path);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Contains("There is no tenant nobody", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private static Task<int> ApplyAsync(AdminHarness admin, TierConfig tier, string by)
    {
        admin.Fleet.Model = FleetModel.Build(
            SmallFleet.Config with { Tiers = [tier] }, new Dictionary<string, Uri>());
        return LimitChanges.RecordAsync(
            admin.Fleet.Model, TierMultipliers.Promise, admin.LimitHistory, by, "fleet.yaml", admin.Time.GetUtcNow(),
            CancellationToken.None);
    }
}
