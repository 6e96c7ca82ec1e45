using System.Collections.Frozen;
using Forebay.Control.Audit;
using Forebay.Control.Withdrawals;
using Forebay.Core.Capacity.Withdrawals;
using Forebay.Core.Fleet;
using Forebay.Core.Fleet.Managed;
using Forebay.TestKit.Fleets;
using Forebay.TestKit.Memory;
using Forebay.TestKit.Time;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.UnitTests.Control.Withdrawals;

public sealed class WithdrawalServiceTests
{
    private static readonly Withdrawal OfOslo = new(
        "w-1", WithdrawalKind.Drain, new WithdrawalTarget(WithdrawalScope.Pool, "oslo-h100"), "someone", 0, 1, 2, null);

    [Theory]
    [InlineData(WithdrawalPhase.Announced, false)]
    [InlineData(WithdrawalPhase.Leaving, true)]
    [InlineData(WithdrawalPhase.Out, true)]
    [InlineData(WithdrawalPhase.Returned, false)]
    public async Task What_is_withdrawn_when_the_server_starts_is_so_in_its_first_snapshot(
        WithdrawalPhase phase, bool active)
    {
        var store = new MemoryWithdrawalStore();
        await store.SaveWithdrawalAsync(
            new WithdrawalRecord(OfOslo, new WithdrawalProgress { Phase = phase }, null), default);
        var time = new ManualTime(DateTimeOffset.UnixEpoch);
        await using var service = new WithdrawalService(
            new FleetState(), store,
            new AuditedChange(new MemoryAuditLog(), time, NullLogger<AuditedChange>.Instance), time,
            NullLoggerFactory.Instance);

        ManagedPart part = await service.LoadAsync(default);

        Assert.Equal(active ? [OfOslo] : [], part.Withdrawals);
        Assert.Equal(phase != WithdrawalPhase.Returned, service.Standing.Count == 1);
    }

    [Theory]
    [InlineData(WithdrawalScope.Pool, "oslo-h100", new[] { "deep-cloud" })]
    [InlineData(WithdrawalScope.Site, "dallas", new[] { "deep-real" })]
    [InlineData(WithdrawalScope.Provider, "north", new[] { "deep-cloud" })]
    [InlineData(WithdrawalScope.Group, "nobody", new[] { "deep-real", "deep-cloud" })]
    [InlineData(WithdrawalScope.Commitment, "nothing", new[] { "deep-real", "deep-cloud" })]
    public void Nothing_is_served_from_what_a_withdrawal_covers_and_all_else_is(
        WithdrawalScope scope, string id, string[] left)
    {
        var model = FleetModel.Build(
            SmallFleet.Config, FrozenDictionary<string, Uri>.Empty,
            [OfOslo with { Target = new WithdrawalTarget(scope, id) }]);

        Assert.Equal(left, model.FindModel("deep")!.Deployments.Select(d => d.Id));
        Assert.Equal(4, model.Deployments.Length);
        Assert.All(model.Deployments, d => Assert.Equal(d.Withdrawn is null && d.Endpoint is not null, d.IsServed));
    }
}
