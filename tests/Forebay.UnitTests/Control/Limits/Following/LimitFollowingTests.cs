using Forebay.Control.Audit;
using Forebay.Control.Errors;
using Forebay.Control.Limits.Following;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Limits.Following;
using Forebay.TestKit.Fleets;
using Forebay.TestKit.Memory;
using Forebay.TestKit.Time;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.UnitTests.Control.Limits.Following;

/// <summary>Decisions: who wins, what survives, what a process that dies in between leaves.</summary>
public sealed class LimitFollowingTests
{
    private const string Ann = "ann";
    private const string Bob = "bob";

    private readonly ManualTime _time = new();
    private readonly MemoryLimitProposals _store = new();
    private readonly MemoryAuditLog _audit = new();
    private readonly SettableInputs _inputs = new();

    /// <summary>A process: the same store, nothing else of the one before.</summary>
    private async Task<(LimitFollowing Following, FleetState Fleet)> StartAsync(
        FollowMode mode = FollowMode.Propose, double raiseAfterHours = 0)
    {
        var fleet = new FleetState();
        var following = new LimitFollowing(
            fleet, _store, new AuditedChange(_audit, _time, NullLogger<AuditedChange>.Instance), _time,
            NullLogger<LimitFollowing>.Instance)
        {
            Inputs = _inputs,
        };
        await following.LoadAsync(CancellationToken.None);
        fleet.Model = FleetModel.Build(
            SmallFleet.Config with
            {
                Tiers = [new TierConfig { Id = "standard", OutputTokensPerMinute = 100 }],
                Server = new ServerConfig
                {
                    LimitsFollow = new LimitsFollowConfig
                    {
                        Mode = mode, LeastLimitedShare = 0, RaiseAfterHours = raiseAfterHours, LowerAfterHours = 0,
                        LeastHistoryHours = 0,
                    },
                },
            },
            new Dictionary<string, Uri>());
        return (following, fleet);
    }

    private static long? LimitOf(FleetState fleet) => fleet.PlanOf(fleet.Model.FindTenant("acme")!).All.Output;

    private async Task<RecordedProposal> ProposeAsync(LimitFollowing following, double usable, string actor = Ann)
    {
        _inputs.Usable = usable;
        return (await following.ProposeAsync(actor, CancellationToken.None)).Proposal!;
    }

    [Fact]
    public async Task What_is_applied_holds_at_once_and_in_the_next_process_and_is_audited()
    {
        (LimitFollowing following, FleetState fleet) = await StartAsync();
        RecordedProposal proposal = await ProposeAsync(following, 250);
        Assert.Equal(100, LimitOf(fleet));
        LimitVersion version = await following.ApplyAsync(proposal.Id, Ann);
        Assert.Equal((200, 1L, Ann), (LimitOf(fleet), version.Number, version.Actor));
        Assert.Contains(_audit.Entries, e => e.Action == "limits.apply" && e.Actor == Ann);
        Assert.Equal(200, LimitOf((await StartAsync()).Fleet));
        Assert.Contains(
            _store.Recorded.Single().Terms,
            t => t.Tenant == "acme" && t.Terms.Terms.Any(l => l.Name == "output_tokens_per_minute" && l.Value == "200"));
    }

    [Fact]
    public async Task Applying_again_changes_nothing_and_another_who_comes_second_is_told()
    {
        (LimitFollowing following, _) = await StartAsync();
        RecordedProposal proposal = await ProposeAsync(following, 250);
        LimitVersion first = await following.ApplyAsync(proposal.Id, Ann);
        Assert.Equal(first, await following.ApplyAsync(proposal.Id, Ann));
        RefusedException refused = await Assert.ThrowsAsync<RefusedException>(() => following.ApplyAsync(proposal.Id, Bob));
        Assert.Equal(RefusalKind.Conflict, refused.Kind);
        Assert.Contains("applied by ann", refused.Message, StringComparison.Ordinal);
        Assert.Single(await following.ListVersionsAsync(10, CancellationToken.None));
        Assert.Equal(RefusalKind.NotFound, (await Assert.ThrowsAsync<RefusedException>(
            () => following.ApplyAsync(99, Ann))).Kind);
    }

    [Fact]
    public async Task Two_processes_that_decide_at_once_agree_on_who_was_first()
    {
        (LimitFollowing one, _) = await StartAsync();
        (LimitFollowing other, FleetState otherFleet) = await StartAsync();
        RecordedProposal proposal = await ProposeAsync(one, 250);
        await one.ApplyAsync(proposal.Id, Ann);
        await Assert.ThrowsAsync<RefusedException>(() => other.RollbackAsync(null, 1, Bob));
        RecordedProposal stale = await _store.AddAsync(proposal.Proposal, 0, Bob, _time.GetUtcNow(), default);
        RefusedException refused = await Assert.ThrowsAsync<RefusedException>(() => other.ApplyAsync(stale.Id, Bob));
        Assert.Equal(RefusalKind.Conflict, refused.Kind);
        Assert.Equal(200, LimitOf(otherFleet));
    }

    [Fact]
    public async Task A_proposal_of_another_base_is_refused_and_of_two_operators_at_once_one_applies()
    {
        (LimitFollowing following, FleetState fleet) = await StartAsync();
        RecordedProposal proposal = await ProposeAsync(following, 250);

        Task<LimitVersion>[] both = [following.ApplyAsync(proposal.Id, Ann), following.ApplyAsync(proposal.Id, Bob)];
        RefusedException lost = await Assert.ThrowsAsync<RefusedException>(() => Task.WhenAll(both));

        LimitVersion won = await both.Single(b => b.IsCompletedSuccessfully);
        Assert.Equal(RefusalKind.Conflict, lost.Kind);
        Assert.Contains($"was applied by {won.Actor}", lost.Message, StringComparison.Ordinal);
        Assert.Equal(200, LimitOf(fleet));
        RecordedProposal stale = await _store.AddAsync(proposal.Proposal, 0, Bob, _time.GetUtcNow(), default);
        RefusedException old = await Assert.ThrowsAsync<RefusedException>(() => following.ApplyAsync(stale.Id, Bob));
        Assert.Contains("starts from version 0", old.Message, StringComparison.Ordinal);
        Assert.Single(await following.ListVersionsAsync(10, CancellationToken.None));
    }

    [Fact]
    public async Task Limits_are_raised_once_a_day_also_by_operators_and_across_processes()
    {
        (LimitFollowing following, _) = await StartAsync();
        await following.ApplyAsync((await ProposeAsync(following, 160)).Id, Ann);
        _time.Advance(TimeSpan.FromHours(23));
        (following, FleetState fleet) = await StartAsync();
        _inputs.Usable = 250;
        Assert.Null((await following.ProposeAsync(Ann, CancellationToken.None)).Proposal);
        RecordedProposal forced = await _store.AddAsync(
            new LimitProposal(ProposalCause.Raise, Twice, 0, []), 1, Ann, _time.GetUtcNow(), default);
        RefusedException refused = await Assert.ThrowsAsync<RefusedException>(() => following.ApplyAsync(forced.Id, Ann));
        Assert.Contains("at most once a day", refused.Message, StringComparison.Ordinal);
        _time.Advance(TimeSpan.FromHours(1));
        await following.ApplyAsync(forced.Id, Ann);
        Assert.Equal(200, LimitOf(fleet));
    }

    [Fact]
    public async Task A_rollback_is_a_decision_that_restores_what_held_before_and_never_less_than_is_promised()
    {
        (LimitFollowing following, FleetState fleet) = await StartAsync();
        RecordedProposal proposal = await ProposeAsync(following, 250);
        await following.ApplyAsync(proposal.Id, Ann);
        RefusedException refused = await Assert.ThrowsAsync<RefusedException>(
            () => following.RollbackAsync(proposal.Id + 1, null, Ann));
        Assert.Contains("Only the last decision", refused.Message, StringComparison.Ordinal);
        LimitVersion back = await following.RollbackAsync(proposal.Id, null, Ann);
        Assert.Equal((2L, 1L, 100L), (back.Number, back.RolledBack, LimitOf(fleet)));
        Assert.Equal(back, await following.RollbackAsync(proposal.Id, null, Ann));
        await Assert.ThrowsAsync<RefusedException>(() => following.RollbackAsync(null, 1, Bob));
        Assert.Equal(100, LimitOf((await StartAsync()).Fleet));
    }

    [Fact]
    public async Task There_is_nothing_to_roll_back_before_any_decision()
    {
        (LimitFollowing following, _) = await StartAsync();
        await Assert.ThrowsAsync<RefusedException>(() => following.RollbackAsync(null, 0, Ann));
        Assert.Empty(_audit.Entries);
    }

    [Fact]
    public async Task Lower_limits_hold_from_the_announced_time_on_and_tenants_see_them_coming()
    {
        (LimitFollowing following, FleetState fleet) = await StartAsync();
        await following.ApplyAsync((await ProposeAsync(following, 250)).Id, Ann);
        await following.ApplyAsync((await ProposeAsync(following, 130)).Id, Ann);
        Assert.Equal(200, LimitOf(fleet));
        DateTimeOffset effective = fleet.AnnouncedLimits!.EffectiveAt;
        Assert.Equal(_time.GetUtcNow().AddHours(168), effective);
        Assert.Equal(effective, following.PutInForce());
        _time.Advance(TimeSpan.FromHours(168) - TimeSpan.FromMilliseconds(1));
        following.PutInForce();
        Assert.Equal(200, LimitOf(fleet));
        Assert.Equal(200, LimitOf((await StartAsync()).Fleet));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        following.PutInForce();
        Assert.Equal((125L, null), (LimitOf(fleet), fleet.AnnouncedLimits));
    }

    [Fact]
    public async Task What_is_announced_and_rolled_back_never_takes_effect()
    {
        (LimitFollowing following, FleetState fleet) = await StartAsync();
        await following.ApplyAsync((await ProposeAsync(following, 250)).Id, Ann);
        await following.ApplyAsync((await ProposeAsync(following, 130)).Id, Ann);
        await following.RollbackAsync(null, 2, Bob);
        _time.Advance(TimeSpan.FromHours(200));
        following.PutInForce();
        Assert.Equal(200, LimitOf(fleet));
        Assert.Equal(200, LimitOf((await StartAsync()).Fleet));
    }

    /// <summary>A process that dies at any step between proposing and applying leaves the old limits or the new.</summary>
    [Theory]
    [InlineData("audit", 100)]
    [InlineData("before", 100)]
    [InlineData("after", 200)]
    public async Task A_decision_cut_off_anywhere_leaves_the_old_limits_or_the_new(string step, long expected)
    {
        (LimitFollowing following, FleetState fleet) = await StartAsync();
        RecordedProposal proposal = await ProposeAsync(following, 250);
        var failure = new IOException("the disk is full");
        _audit.WriteFailure = step == "audit" ? failure : null;
        (_store.FailBefore, _store.FailAfter) = (step == "before" ? failure : null, step == "after" ? failure : null);
        await Assert.ThrowsAnyAsync<Exception>(() => following.ApplyAsync(proposal.Id, Ann));
        Assert.Equal(100, LimitOf(fleet));
        (_audit.WriteFailure, _store.FailBefore, _store.FailAfter) = (null, null, null);

        (following, fleet) = await StartAsync();
        Assert.Equal(expected, LimitOf(fleet));
        Assert.Equal(200, LimitOf(fleet) == 200 ? 200 : (await ApplyAsync(following, proposal.Id, fleet)));
    }

    [Fact]
    public async Task The_policy_applies_by_itself_and_a_proposal_that_is_no_more_borne_out_is_withdrawn()
    {
        (LimitFollowing following, FleetState fleet) = await StartAsync(FollowMode.Apply);
        _inputs.Usable = 160;
        await following.StepAsync(CancellationToken.None);
        Assert.Equal(125, LimitOf(fleet));

        (following, _) = await StartAsync();
        _time.Advance(TimeSpan.FromHours(25));
        _inputs.Usable = 250;
        await following.StepAsync(CancellationToken.None);
        await following.StepAsync(CancellationToken.None);
        RecordedProposal open = (await following.ListAsync(10, CancellationToken.None))[0];
        Assert.Equal((ProposalState.Open, 2L), (open.State, open.Id));
        _inputs.Usable = 170;
        await following.StepAsync(CancellationToken.None);
        await Assert.ThrowsAsync<RefusedException>(() => following.ApplyAsync(open.Id, Ann));
    }

    [Fact]
    public async Task Inputs_that_cannot_be_read_change_nothing()
    {
        (LimitFollowing following, FleetState fleet) = await StartAsync(FollowMode.Apply);
        await following.ApplyAsync((await ProposeAsync(following, 250)).Id, Ann);
        _inputs.Usable = double.NaN;
        await following.StepAsync(CancellationToken.None);
        _inputs.Failure = new IOException("unreadable");
        await following.StepAsync(CancellationToken.None);
        Assert.Equal(200, LimitOf(fleet));
    }

    [Fact]
    public async Task A_reload_keeps_what_was_decided()
    {
        (LimitFollowing following, FleetState fleet) = await StartAsync();
        await following.ApplyAsync((await ProposeAsync(following, 250)).Id, Ann);
        fleet.Model = FleetModel.Build(
            fleet.Model.Config with { Tiers = [new TierConfig { Id = "standard", OutputTokensPerMinute = 70 }] },
            new Dictionary<string, Uri>());
        Assert.Equal(140, LimitOf(fleet));
    }

    /// <summary>A raise must be possible for a day: a process that is killed half way through does not begin the day
    /// anew, and the time that it was away counts for nothing.</summary>
    [Fact]
    public async Task How_long_a_raise_has_been_possible_goes_on_in_the_next_process()
    {
        _inputs.Usable = 250;
        (LimitFollowing first, _) = await StartAsync(raiseAfterHours: 24);
        await first.StepAsync(CancellationToken.None);
        _time.Advance(TimeSpan.FromHours(14));
        await first.StepAsync(CancellationToken.None);
        first.Dispose();

        _time.Advance(TimeSpan.FromHours(100));
        (LimitFollowing second, _) = await StartAsync(raiseAfterHours: 24);
        await second.StepAsync(CancellationToken.None);
        _time.Advance(TimeSpan.FromHours(9));
        await second.StepAsync(CancellationToken.None);
        Assert.Empty(await second.ListAsync(10, CancellationToken.None));
        _time.Advance(TimeSpan.FromHours(1));
        await second.StepAsync(CancellationToken.None);
        Assert.Single(await second.ListAsync(10, CancellationToken.None));

        // What held under other multipliers says nothing of these.
        await second.ApplyAsync(1, Ann);
        (LimitFollowing third, _) = await StartAsync(raiseAfterHours: 24);
        await third.StepAsync(CancellationToken.None);
        Assert.Single(await third.ListAsync(10, CancellationToken.None));
    }

    private static readonly TierMultipliers Twice = TierMultipliers.Of(
        [TierMultiplier.Flat("standard", TierMultipliers.Unclassed, 2)]);

    private static async Task<long?> ApplyAsync(LimitFollowing following, long id, FleetState fleet)
    {
        await following.ApplyAsync(id, Ann);
        return LimitOf(fleet);
    }

    /// <summary>One class, one tier that asks for 100 tokens a minute, all of it at its limits.</summary>
    private sealed class SettableInputs : IFollowingInputs
    {
        public double Usable { get; set; }

        public Exception? Failure { get; set; }

        public Task<FollowingInputs> ReadAsync(CancellationToken cancel) => Failure is { } failure
            ? Task.FromException<FollowingInputs>(failure)
            : Task.FromResult(new FollowingInputs(
                [
                    .. Enumerable.Range(0, 4).Select(i => new CapacitySource(
                        $"p{i}", TierMultipliers.Unclassed, [new CapacityGroup($"p{i}", true)],
                        WeekCurve.Flat(Usable), WeekCurve.Flat(Usable / 3))),
                ],
                [
                    new TierDemand(
                        "standard", TierMultipliers.Unclassed, 1, null, 100, WeekCurve.Flat(1), WeekCurve.Flat(100), 1),
                ],
                1000));
    }
}
