using Forebay.Core.Limits;
using Forebay.Core.Limits.Following;
using Xunit;

namespace Forebay.UnitTests.Storage.Conformance;

/// <summary>What every store of proposals and decisions on limits does.</summary>
public abstract class LimitProposalsConformance : IAsyncLifetime
{
    private static readonly DateTimeOffset Start = new(2026, 6, 1, 12, 0, 0, TimeSpan.Zero);

    private static readonly TierMultipliers Twice = TierMultipliers.Of(
        [TierMultiplier.Flat("t", "large", 2), TierMultiplier.Flat("t", "*", 1.25)]);

    private protected abstract ILimitProposals Store { get; }

    private protected abstract ILimitHistory History { get; }

    public abstract ValueTask InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await DisposeCoreAsync();
    }

    /// <summary>Opens the same store anew, as the next process does.</summary>
    private protected abstract Task ReopenAsync();

    private protected abstract ValueTask DisposeCoreAsync();

    private static LimitProposal Proposal(ProposalCause cause = ProposalCause.Raise) =>
        new(cause, Twice, 3_600_000, ["capacity 5", "demand 3"]);

    private static LimitVersion Version(long number, long? proposal) => new(
        number, Start.AddHours(number), Start.AddHours(number + 1), Twice, proposal, null, $"operator {number}");

    private static TenantTerms[] Terms(int requests) =>
    [
        new("acme", LimitTerms.Of(new TierConfig { Id = "t", RequestsPerMinute = requests })),
    ];

    [Theory]
    [InlineData(ProposalCause.Raise)]
    [InlineData(ProposalCause.ReduceHours)]
    [InlineData(ProposalCause.Lower)]
    [InlineData(ProposalCause.CapacityLost)]
    public async Task A_proposal_reads_back_as_made_also_by_the_next_process(ProposalCause cause)
    {
        RecordedProposal made = await Store.AddAsync(Proposal(cause), 7, "controller", Start, default);
        await ReopenAsync();
        RecordedProposal? read = await Store.FindAsync(made.Id, default);
        Assert.NotNull(read);
        Assert.Equal(made with { Proposal = read.Proposal }, read);
        Assert.Equal((cause, Twice, 3_600_000L), (read.Proposal.Cause, read.Proposal.Next, read.Proposal.AnnounceMs));
        Assert.Equal(["capacity 5", "demand 3"], read.Proposal.Arithmetic);
        Assert.Null(await Store.FindAsync(made.Id + 1, default));
    }

    [Fact]
    public async Task A_proposal_for_a_known_time_says_so_to_the_next_process()
    {
        RecordedProposal made = await Store.AddAsync(
            Proposal(ProposalCause.CapacityEnds) with { ByUnixMs = 1234 }, 7, "controller", Start, default);
        await ReopenAsync();
        LimitProposal read = (await Store.FindAsync(made.Id, default))!.Proposal;
        Assert.Equal((ProposalCause.CapacityEnds, 1234L), (read.Cause, read.ByUnixMs));
    }

    [Fact]
    public async Task How_long_conditions_have_held_is_there_for_the_next_process()
    {
        Assert.Null(await Store.LoadHoldsAsync(default));
        var raise = new ClassHold(5, [TierMultiplier.Flat("t", "large", 2)], null, 1.5, 2.5);
        await Store.SaveHoldsAsync(
            new StoredHolds(2, Start, new Dictionary<string, ClassHold> { ["old"] = ClassHold.None }), default);
        await Store.SaveHoldsAsync(
            new StoredHolds(3, Start, new Dictionary<string, ClassHold>
            {
                ["large"] = raise, ["*"] = ClassHold.None with { ShortSinceMs = 9 },
            }),
            default);
        await ReopenAsync();
        StoredHolds read = (await Store.LoadHoldsAsync(default))!;
        Assert.Equal((3L, Start), (read.Version, read.At));
        Assert.Equal(["*", "large"], read.Holds.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(raise with { Raise = [] }, read.Holds["large"] with { Raise = [] });
        Assert.Equal(TierMultipliers.Of(raise.Raise), TierMultipliers.Of(read.Holds["large"].Raise));
        Assert.Equal(9, read.Holds["*"].ShortSinceMs);
        Assert.Equal(14, read.GoOn(Start.AddMilliseconds(5))["*"].ShortSinceMs);
    }

    [Fact]
    public async Task Only_the_last_proposal_is_open()
    {
        RecordedProposal first = await Store.AddAsync(Proposal(), 0, "controller", Start, default);
        RecordedProposal second = await Store.AddAsync(Proposal(), 0, "controller", Start.AddHours(1), default);
        IReadOnlyList<RecordedProposal> all = await Store.ListAsync(10, default);
        Assert.Equal([second.Id, first.Id], all.Select(p => p.Id));
        Assert.Equal([ProposalState.Open, ProposalState.Replaced], all.Select(p => p.State));
        await Store.WithdrawAsync("controller", Start.AddHours(2), default);
        Assert.DoesNotContain(await Store.ListAsync(10, default), p => p.State == ProposalState.Open);
    }

    [Fact]
    public async Task A_decision_is_kept_with_its_proposal_and_what_it_changes_of_tenants_limits()
    {
        RecordedProposal made = await Store.AddAsync(Proposal(), 0, "controller", Start, default);
        Assert.True(await Store.DecideAsync(Version(1, made.Id), Terms(9), "proposal 1", default));
        await ReopenAsync();
        Assert.Equal([Version(1, made.Id)], await Store.ListVersionsAsync(10, default));
        RecordedProposal read = (await Store.FindAsync(made.Id, default))!;
        Assert.Equal((ProposalState.Applied, "operator 1"), (read.State, read.DecidedBy));
        LimitChange change = (await History.ReadAsync("acme", 10, default)).First(c => c.Name == "requests_per_minute");
        Assert.Equal(("9", "capacity", "proposal 1"), (change.After, change.ChangedBy, change.Source));
        Assert.Equal(Start.AddHours(2), change.At);
    }

    [Fact]
    public async Task Of_two_who_decide_at_once_one_does_and_the_other_leaves_no_trace()
    {
        RecordedProposal made = await Store.AddAsync(Proposal(), 0, "controller", Start, default);
        bool[] won = await Task.WhenAll(
            Task.Run(() => Store.DecideAsync(Version(1, made.Id), Terms(9), "a", default)),
            Task.Run(() => Store.DecideAsync(Version(1, made.Id), Terms(9), "a", default)));
        Assert.Single(won, w => w);
        Assert.False(await Store.DecideAsync(Version(1, null), Terms(5), "b", default));
        Assert.False(await Store.DecideAsync(Version(3, null), Terms(5), "b", default));
        Assert.False(await Store.DecideAsync(Version(2, made.Id), Terms(5), "b", default));
        Assert.Single(await Store.ListVersionsAsync(10, default));
        Assert.DoesNotContain(await History.ReadAsync("acme", 10, default), c => c.After == "5");
    }

    [Fact]
    public async Task Decisions_list_the_last_one_first()
    {
        Assert.Empty(await Store.ListVersionsAsync(10, default));
        for (int number = 1; number <= 3; number++)
        {
            Assert.True(await Store.DecideAsync(Version(number, null), [], "x", default));
        }

        Assert.Equal([3L, 2], (await Store.ListVersionsAsync(2, default)).Select(v => v.Number));
    }
}
