using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.TestKit.Fleets;
using Xunit;
using static Forebay.UnitTests.Core.Limits.LimitPlans;

namespace Forebay.UnitTests.Core.Limits;

/// <summary>What limits take of memory: nothing per request, little per tenant.</summary>
public sealed class LimitCostTests
{
    private const int Tenants = 10_000;

    private static readonly FleetModel Fleet = FleetModel.Build(
        SmallFleet.Config with
        {
            ModelClasses = [new ModelClassConfig { Id = "large", Models = ["deep"] }],
            Tiers =
            [
                new TierConfig
                {
                    Id = "standard",
                    RequestsPerMinute = 1_000_000,
                    OutputTokensPerMinute = 1_000_000_000,
                    WeeklyWindow = new WindowConfig { Limit = 1_000_000_000_000, Unit = WindowUnit.Tokens },
                    Classes = [new ClassLimitsConfig { Class = "large", MonthlySpendUsd = 1_000_000 }],
                },
            ],
            Tenants = [.. Enumerable.Range(0, Tenants).Select(i => new TenantConfig { Id = $"t{i}", Tier = "standard" })],
        },
        new Dictionary<string, Uri>());

    [Fact]
    public void Ten_thousand_tenants_take_what_the_page_says()
    {
        var state = new FleetState { Model = Fleet };
        Tenant[] tenants = [.. Fleet.Tenants];
        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (Tenant tenant in tenants)
        {
            Serve(state.LimitsOf(tenant), tenant, learns: false);
        }

        long each = (GC.GetAllocatedBytesForCurrentThread() - before) / Tenants;
        Assert.InRange(each, 100, 900);
        Assert.True(ReferenceEquals(tenants[0].Limits, tenants[^1].Limits), "a tier is compiled once for all its tenants");

        before = GC.GetAllocatedBytesForCurrentThread();
        foreach (Tenant tenant in tenants)
        {
            Serve(state.LimitsOf(tenant), tenant, learns: true);
        }

        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / Tenants, 100, 400);
    }

    [Fact]
    public void A_request_allocates_nothing()
    {
        var state = new FleetState { Model = Fleet };
        Tenant tenant = Fleet.FindTenant("t5")!;
        TenantLimits limits = state.LimitsOf(tenant);
        Serve(limits, tenant, learns: true);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1_000; i++)
        {
            Serve(limits, tenant, learns: true);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private static void Serve(TenantLimits limits, Tenant tenant, bool learns)
    {
        LimitDecision d = limits.Reserve(tenant.Limits, Ask(100, 100, "large", "deep"), At(0));
        _ = limits.Levels(tenant.Limits, "large", At(0));
        limits.Settle(d.Reservation, Used(100, 100, learns), At(0));
    }
}
