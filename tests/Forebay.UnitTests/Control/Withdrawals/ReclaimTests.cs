using Forebay.Control.Audit;
using Forebay.Control.Errors;
using Forebay.Control.Withdrawals;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Partners;
using Forebay.Core.Capacity.Withdrawals;
using Forebay.TestKit.Fleets;
using Forebay.TestKit.Time;
using Forebay.UnitTests.Control.Partners;
using Forebay.UnitTests.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.UnitTests.Control.Withdrawals;

/// <summary>A reclaim of a partner's commitment: one order, the withdrawal and the contract's record.</summary>
public sealed class ReclaimTests : IAsyncLifetime
{
    private const string Actor = "ops";
    private const string Terms = "east-terms";
    private static readonly CapacityLane Lane = new("east-h100", CapacityUnit.Accelerators);

    private readonly TempFolder _folder = new();
    private readonly ManualTime _time = new(DateTimeOffset.FromUnixTimeMilliseconds(SmallOffer.FullMs));
    private OpenStore _store = null!;

    public async ValueTask InitializeAsync() => _store = await OpenStore.OpenAsync(_folder.Of("data"), _time);

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        _folder.Dispose();
    }

    private async Task<PartnerProcess> OnboardedAsync(Fuse? fuse = null)
    {
        PartnerProcess process = await PartnerProcess.StartAsync(_store, _time, new StatedProbe(), fuse);
        if (process.Partners.Partners.Count == 0)
        {
            await process.Partners.OnboardAsync(PartnerServiceTests.Yaml(), "f.yaml", "MSA 7", Actor, default);
        }

        return process;
    }

    private async Task<WithdrawalService> ServiceAsync(PartnerProcess process, Fuse? fuse = null)
    {
        IWithdrawalStore store = fuse is null ? _store.Store.Withdrawals : new FusedWithdrawals(_store.Store.Withdrawals, fuse);
        var service = new WithdrawalService(
            process.State, store,
            new AuditedChange(_store.Store.Audit, _time, NullLogger<AuditedChange>.Instance), _time, NullLoggerFactory.Instance)
        {
            Notices = process.Partners,
        };
        await service.LoadAsync(default);
        service.Start(process, new NoCut());
        return service;
    }

    private WithdrawalRequest Asked(int days, long? quantity = null) => new(
        WithdrawalKind.Reclaim, new WithdrawalTarget(WithdrawalScope.Commitment, Terms), _time.GetUtcNow().AddDays(days),
        TimeSpan.Zero, null, quantity);

    [Fact]
    public async Task One_order_records_the_notice_checks_it_takes_the_pools_out_and_gives_them_back()
    {
        using PartnerProcess process = await OnboardedAsync();
        await using WithdrawalService service = await ServiceAsync(process);

        WithdrawalRecord asked = await service.AskAsync(Asked(10), Actor, default);
        Assert.Equal(("east", 20.0), (asked.Asked.Partner, Math.Round(asked.Asked.ShortNoticeDays, 3)));
        ReclaimNotice notice = Assert.Single(process.Partners.Find("east").Reclaims);
        Assert.Equal(("w-1", 20.0), (notice.Withdrawal, Math.Round(notice.ShortByDays, 3)));
        Assert.Equal(0, process.Capacity.Ledger.Available(Lane, notice.AtUnixMs));
        Assert.Equal(64, process.Capacity.Ledger.Available(Lane, notice.AtUnixMs - 1));
        Assert.Equal(WithdrawalPhase.Announced, asked.Progress.Phase);

        _time.Advance(TimeSpan.FromDays(10));
        await service.StepAllAsync();
        Assert.Equal(WithdrawalPhase.Out, (await service.FindAsync("w-1", default)).Progress.Phase);
        Assert.Single(process.Managed.Withdrawals);

        await service.ReturnAsync("w-1", Actor, default);
        Assert.Empty(process.Managed.Withdrawals);
        Assert.Equal(64, process.Capacity.Ledger.Available(Lane, _time.GetUtcNow().ToUnixTimeMilliseconds()));
        Assert.Contains(
            await process.Partners.HistoryAsync("east", default), e => e.Event == "reclaim.returned" && e.Actor == Actor);
    }

    [Fact]
    public async Task A_part_is_taken_of_the_ledger_and_keeps_requests_from_nothing_and_more_may_follow()
    {
        using PartnerProcess process = await OnboardedAsync();
        await using WithdrawalService service = await ServiceAsync(process);

        await service.AskAsync(Asked(0, 20), Actor, default);
        await service.AskAsync(Asked(0, 4), Actor, default);
        Assert.Empty(process.Managed.Withdrawals);
        Assert.Equal(40, process.Capacity.Ledger.Available(Lane, _time.GetUtcNow().ToUnixTimeMilliseconds()));

        await service.AskAsync(Asked(40), Actor, default);
        RefusedException twice = await Assert.ThrowsAsync<RefusedException>(
            () => service.AskAsync(Asked(50), Actor, default));
        Assert.Contains("w-3 withdraws the commitment", twice.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<RefusedException>(() => service.AskAsync(Asked(0, 0), Actor, default));
    }

    /// <summary>The process dies before or after each write: afterwards both say the same, once.</summary>
    [Fact]
    public async Task A_crash_at_any_write_leaves_neither_or_both_once_the_next_process_has_looked()
    {
        int both = 0;
        for (int write = 0; write < 8; write++)
        {
            foreach (bool afterwards in (bool[])[false, true])
            {
                await _store.DisposeAsync();
                _store = await OpenStore.OpenAsync(_folder.Of($"data-{write}-{afterwards}"), _time);
                using (PartnerProcess first = await OnboardedAsync())
                {
                }

                // The start of a process writes once, to say which fleet it has.
                var fuse = new Fuse(1 + write, afterwards);
                using (PartnerProcess dying = await OnboardedAsync(fuse))
                {
                    await using WithdrawalService service = await ServiceAsync(dying, fuse);
                    await Record.ExceptionAsync(() => service.AskAsync(Asked(10, 20), Actor, default));
                }

                using PartnerProcess next = await OnboardedAsync();
                await using WithdrawalService again = await ServiceAsync(next);
                await again.StepAllAsync();
                int known = (await again.ListAsync(default)).Count;
                Assert.Equal(known, next.Partners.Find("east").Reclaims.Length);
                Assert.Equal(
                    known == 0 ? 64 : 44,
                    next.Capacity.Ledger.Available(Lane, _time.GetUtcNow().AddDays(10).ToUnixTimeMilliseconds()));
                both += known;
            }
        }

        Assert.InRange(both, 3, 15);
    }

    private sealed class NoCut : IConnectionCut
    {
        public int Cut(IReadOnlyCollection<string> deploymentIds) => 0;

        public void Restore(IReadOnlyCollection<string> deploymentIds)
        {
        }
    }

    private sealed class FusedWithdrawals(IWithdrawalStore inner, Fuse fuse) : IWithdrawalStore
    {
        public Task<IReadOnlyList<WithdrawalRecord>> ListWithdrawalsAsync(CancellationToken cancel) =>
            inner.ListWithdrawalsAsync(cancel);

        public Task SaveWithdrawalAsync(WithdrawalRecord record, CancellationToken cancel) =>
            fuse.RunAsync(() => inner.SaveWithdrawalAsync(record, cancel));
    }
}
