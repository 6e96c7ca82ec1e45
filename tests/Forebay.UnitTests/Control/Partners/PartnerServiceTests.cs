using Forebay.Control.Errors;
using Forebay.Control.Partners;
using Forebay.Core.Audit;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Partners;
using Forebay.TestKit.Fleets;
using Forebay.TestKit.Time;
using Forebay.UnitTests.Storage;
using Xunit;

namespace Forebay.UnitTests.Control.Partners;

public sealed class PartnerServiceTests : IAsyncLifetime
{
    private const string Actor = "ops";
    private static readonly CapacityLane Lane = new("east-h100", CapacityUnit.Accelerators);

    private readonly TempFolder _folder = new();
    private readonly StatedProbe _probe = new();
    private readonly ManualTime _time = new(DateTimeOffset.FromUnixTimeMilliseconds(SmallOffer.FullMs));
    private OpenStore _store = null!;

    public async ValueTask InitializeAsync() => _store = await OpenStore.OpenAsync(_folder.Of("data"), _time);

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Onboarding_walks_as_far_as_it_can_and_says_what_it_waits_for()
    {
        using PartnerProcess process = await StartAsync();

        PartnerWalk offer = await process.Partners.OnboardAsync(Yaml(), "f.yaml", null, Actor, default);
        Assert.Equal(PartnerState.Offer, offer.Partner!.State);
        Assert.Contains("forebay provider sign east --contract", offer.WaitsFor, StringComparison.Ordinal);

        _probe.Unreachable = "no answer";
        await process.Partners.SignAsync("east", "MSA 7", Actor, default);
        PartnerWalk signed = await process.Partners.WalkAsync("east", null, Actor, default);
        Assert.Contains("east-h100: no answer", signed.WaitsFor, StringComparison.Ordinal);
        Assert.DoesNotContain(process.State.Model.Config.Pools, p => p.Id == "east-h100");

        _probe.Unreachable = null;
        PartnerWalk done = await process.Partners.WalkAsync("east", null, Actor, default);
        Assert.Equal(PartnerState.InService, done.Partner!.State);
        Assert.Contains(process.State.Model.Config.Pools, p => p.Id == "east-h100");
        Assert.Equal(64, process.Capacity.Ledger.Available(Lane, SmallOffer.FullMs));
        Assert.Equal(
            ["offer", "signed", "connected", "acceptance.begun", "acceptance.passed"],
            (await process.Partners.HistoryAsync("east", default)).Select(e => e.Event));
        IReadOnlyList<AuditEntry> audit = await _store.Store.Audit.ReadAsync(0, 100, default);
        Assert.Contains(audit, e => e.Action == "partner.acceptance.passed" && e.Actor == Actor);
        Assert.Null(await _store.Store.Audit.VerifyAsync(default));
    }

    [Fact]
    public async Task A_crash_at_any_write_leaves_the_old_or_the_new_and_the_next_process_goes_on()
    {
        int crashes = 0;
        for (int at = 0; ; at++)
        {
            foreach (bool afterwards in new[] { false, true })
            {
                using var folder = new TempFolder();
                await using OpenStore store = await OpenStore.OpenAsync(folder.Of("data"), _time);
                var fuse = new Fuse(at, afterwards);
                try
                {
                    using PartnerProcess dies = await PartnerProcess.StartAsync(store, _time, _probe, fuse);
                    await LiveAsync(dies);
                }
                catch (Exception) when (fuse.Blown)
                {
                    crashes++;
                }

                if (!fuse.Blown)
                {
                    Assert.True(crashes > 30, $"only {crashes} places to crash at");
                    return;
                }

                using PartnerProcess next = await PartnerProcess.StartAsync(store, _time, _probe);
                await next.Partners.TickAsync(default);
                next.AssertFollowed();
                await LiveAsync(next);
                next.AssertFollowed();
                Assert.Equal(PartnerState.Exited, next.Partners.Find("east").State);
                Assert.Null(await store.Store.Audit.VerifyAsync(default));
            }
        }
    }

    [Fact]
    public async Task Every_step_of_an_unknown_partner_says_that_there_is_none()
    {
        using PartnerProcess process = await StartAsync();
        Func<Task<Partner>>[] steps =
        [
            () => process.Partners.SignAsync("nobody", "x", Actor, default),
            () => process.Partners.ConnectAsync("nobody", Actor, default),
            () => process.Partners.AcceptAsync("nobody", Actor, default),
            () => process.Partners.ReclaimAsync("nobody", _time.GetUtcNow(), null, Actor, default),
            () => process.Partners.DrainAsync("nobody", Actor, default),
            () => process.Partners.ExitAsync("nobody", Actor, default),
        ];

        foreach (Func<Task<Partner>> step in steps)
        {
            Assert.Equal(RefusalKind.NotFound, (await Assert.ThrowsAsync<RefusedException>(step)).Kind);
        }
    }

    [Fact]
    public async Task Of_two_operators_at_once_one_wins_and_the_other_is_told()
    {
        using PartnerProcess first = await StartAsync();
        await first.Partners.OnboardAsync(Yaml(), "f.yaml", null, Actor, default);
        using PartnerProcess second = await StartAsync();

        await first.Partners.SignAsync("east", "MSA 7", "ann", default);
        RefusedException lost = await Assert.ThrowsAsync<RefusedException>(
            () => second.Partners.SignAsync("east", "MSA 8", "bob", default));

        Assert.Equal(RefusalKind.Conflict, lost.Kind);
        Assert.Contains("changed by somebody else at the same time", lost.Message, StringComparison.Ordinal);
        Assert.Equal("MSA 7", second.Partners.Find("east").Contract);
    }

    [Fact]
    public async Task An_acceptance_that_somebody_overtook_is_not_put_on_record()
    {
        using PartnerProcess process = await StartAsync();
        await process.Partners.OnboardAsync(Yaml(), "f.yaml", "MSA 7", Actor, default);
        _probe.WhileMeasuring = () => process.Partners.DrainAsync("east", "bob", default);

        RefusedException lost = await Assert.ThrowsAsync<RefusedException>(
            () => process.Partners.AcceptAsync("east", Actor, default));

        Assert.Contains("changed by somebody else meanwhile", lost.Message, StringComparison.Ordinal);
        Assert.Equal(PartnerState.Draining, process.Partners.Find("east").State);
    }

    [Fact]
    public async Task A_shortfall_counts_in_part_and_a_reclaim_takes_leases_with_it()
    {
        using PartnerProcess process = await StartAsync();
        _probe.Accelerators = 48;
        PartnerWalk walk = await process.Partners.OnboardAsync(Yaml(), "f.yaml", "MSA 7", Actor, default);
        Assert.Equal(PartnerState.Ramping, walk.Partner!.State);
        Assert.Contains("shortfall to be cured by 2026-08-14", walk.WaitsFor, StringComparison.Ordinal);
        Assert.Equal(48, process.Capacity.Ledger.Available(Lane, SmallOffer.FullMs));
        var cuts = new List<LeaseCut>();
        process.Capacity.Cut = cuts.AddRange;
        long end = _time.GetUtcNow().AddDays(200).ToUnixTimeMilliseconds();
        LeaseRequest request = new("r", LeaseHolder.Deployment, "d", Lane, 48, SmallOffer.FullMs, end, Granule: 8);
        Assert.Null((await process.Capacity.ApplyAsync(_ => [new GrantLease(request)], Actor, "test", default)).Refusal);

        DateTimeOffset at = _time.GetUtcNow().AddDays(60);
        await process.Partners.ReclaimAsync("east", at, 20, Actor, default);

        LeaseCut cut = Assert.Single(cuts);
        Assert.Equal((at.ToUnixTimeMilliseconds(), 48L, 24L), (cut.ByUnixMs, cut.Before, cut.After));
        RefusedException held = await Assert.ThrowsAsync<RefusedException>(async () =>
        {
            await process.Partners.DrainAsync("east", Actor, default);
            await process.Partners.ExitAsync("east", Actor, default);
        });
        Assert.Contains("still used by lease r", held.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_reports_all_its_problems_at_once_with_line_and_fix()
    {
        using PartnerProcess process = await StartAsync();
        string yaml = Yaml()
            .Replace("cure_days: 30", "cure_days: 999", StringComparison.Ordinal)
            .Replace("quantity: 64\n    price", "quantity: 16\n    price", StringComparison.Ordinal)
            .Replace("  - from: 2026-07-01\n    quantity: 64", "  - from: 2026-07-01\n    quantity: 16", StringComparison.Ordinal)
            .Replace("pool: east-h100", "pool: est-h100", StringComparison.Ordinal);

        PartnerWalk walk = await process.Partners.OnboardAsync(yaml, "f.yaml", null, Actor, default);

        Assert.Null(walk.Partner);
        Assert.Equal(
            ["commitment.ramp[1].quantity", "commitment.cure_days", "connections[0].pool"],
            walk.Problems.Select(p => p.Path));
        Assert.All(walk.Problems, p => Assert.True(p.Line > 1 && p.Fix.Length > 0, p.ToString()));
    }

    [Fact]
    public async Task An_id_of_the_file_or_of_another_offer_is_refused_with_its_line()
    {
        using PartnerProcess process = await StartAsync();
        await process.Partners.OnboardAsync(Yaml(), "a.yaml", null, Actor, default);

        PartnerWalk other = await process.Partners.OnboardAsync(
            Yaml().Replace("id: east\n", "id: other\n", StringComparison.Ordinal), "b.yaml", null, Actor, default);
        PartnerWalk file = await process.Partners.OnboardAsync(
            Yaml().Replace("east-1", "oslo", StringComparison.Ordinal), "c.yaml", null, Actor, default);

        Assert.Contains(other.Problems, p => p.Message.Contains(
            "partner/east manages 'east-h100' through the API, and so does partner/other", StringComparison.Ordinal));
        Assert.Contains(file.Problems, p => p.Message.Contains(
            "the fleet file manages 'oslo', and so does partner/east", StringComparison.Ordinal));
    }

    private Task<PartnerProcess> StartAsync() => PartnerProcess.StartAsync(_store, _time, _probe);

    /// <summary>A whole life, from wherever the partner stands: each step is taken if it is due.</summary>
    private static async Task LiveAsync(PartnerProcess process)
    {
        if (process.Partners.Partners.Count == 0)
        {
            await process.Partners.OnboardAsync(Yaml(), "f.yaml", null, Actor, default);
        }

        await process.Partners.WalkAsync("east", "MSA 7", Actor, default);
        Partner partner = process.Partners.Find("east");
        if (partner.State == PartnerState.InService && partner.Reclaims.IsEmpty)
        {
            await process.Partners.ReclaimAsync(
                "east", DateTimeOffset.FromUnixTimeMilliseconds(SmallOffer.FullMs).AddDays(90), 8, Actor, default);
        }

        if (process.Partners.Find("east").State == PartnerState.InService)
        {
            await process.Partners.DrainAsync("east", Actor, default);
        }

        if (process.Partners.Find("east").State == PartnerState.Draining)
        {
            await process.Partners.ExitAsync("east", Actor, default);
        }
    }

    internal static string Yaml() => """
        id: east
        provider:
          id: east
        sites:
          - id: east-1
            provider: east
            country: US
            jurisdiction: us
        commitment:
          id: east-terms
          provider: east
          unit: accelerators
          quantity: 64
          ramp:
          - from: 2026-06-01
            quantity: 32
          - from: 2026-07-01
            quantity: 64
          starts: 2026-06-01
          ends: 2027-05-31
          notice_days: 30
          cure_days: 30
        pools:
          - id: east-h100
            site: east-1
            commitment: east-terms
            accelerators: {type: H100-SXM, count: 64}
        connections:
          - pool: east-h100
            endpoint: http://127.0.0.1:9
            output_tokens_per_second: 1000
        """;
}
