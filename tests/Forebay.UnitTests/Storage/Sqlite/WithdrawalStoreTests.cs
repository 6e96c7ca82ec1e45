using System.Collections.Immutable;
using Forebay.Core.Capacity.Withdrawals;
using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Xunit;

namespace Forebay.UnitTests.Storage.Sqlite;

public sealed class WithdrawalStoreTests
{
    [Fact]
    public async Task What_is_saved_is_there_after_a_restart_in_the_order_it_was_asked_for()
    {
        using var folder = new TempFolder();
        var tally = new ServiceTally();
        tally.Ended(Reason.Overloaded, 0, false, 12);
        var reading = new ServiceReading(5, ImmutableDictionary<string, ServiceCounts>.Empty.Add("m", tally.Read()));
        var first = new WithdrawalRecord(
            new Withdrawal(
                "w-1", WithdrawalKind.Reclaim, new WithdrawalTarget(WithdrawalScope.Commitment, "c"), "a", 1, 2, 3, null)
            {
                ShortNoticeDays = 1.5, Quantity = 20, Partner = "east",
            },
            new WithdrawalProgress(),
            null);
        var second = new WithdrawalRecord(
            new Withdrawal("w-2", WithdrawalKind.Drill, new WithdrawalTarget(WithdrawalScope.Group, "g"), "a", 1, 2, 2, 9),
            new WithdrawalProgress
            {
                Phase = WithdrawalPhase.Returned, TakenOutUnixMs = 2, CutUnixMs = 3, EmptiedUnixMs = 4,
                ReturnedUnixMs = 9, InFlightAtStart = 7, CutRequests = 6,
            },
            WithdrawalReport.Of(null, new ServiceReading(1, reading.Models.Clear()), reading));
        WithdrawalRecord firstLater = first with { Progress = first.Progress with { Phase = WithdrawalPhase.Leaving } };

        await using (OpenStore open = await OpenStore.OpenAsync(folder.Path))
        {
            IWithdrawalStore store = open.Store.Withdrawals;
            await store.SaveWithdrawalAsync(first, default);
            await store.SaveWithdrawalAsync(second, default);
            await store.SaveWithdrawalAsync(firstLater, default);
        }

        await using OpenStore again = await OpenStore.OpenAsync(folder.Path);
        IReadOnlyList<WithdrawalRecord> read = await again.Store.Withdrawals.ListWithdrawalsAsync(default);
        Assert.Equal([firstLater.Asked, second.Asked], read.Select(r => r.Asked));
        Assert.Equal([firstLater.Progress, second.Progress], read.Select(r => r.Progress));
        Assert.Null(read[0].Report);
        ModelImpact impact = Assert.Single(read[1].Report!.Models);
        Assert.Equal(second.Report!.Models[0].During.Reasons.Single(), impact.During.Reasons.Single());
        Assert.Equal(second.Report.Models[0].During with { Reasons = impact.During.Reasons }, impact.During);
    }
}
