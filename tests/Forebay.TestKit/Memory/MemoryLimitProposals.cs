using Forebay.Core.Limits;
using Forebay.Core.Limits.Following;

namespace Forebay.TestKit.Memory;

/// <summary>Proposals and decisions in memory; a decision can be made to fail before or after it is kept.</summary>
public sealed class MemoryLimitProposals : ILimitProposals
{
    private readonly Lock _lock = new();
    private readonly List<RecordedProposal> _proposals = [];
    private readonly List<LimitVersion> _versions = [];

    /// <summary>Thrown instead of keeping the next decision.</summary>
    public Exception? FailBefore { get; set; }

    /// <summary>Thrown once the next decision is kept.</summary>
    public Exception? FailAfter { get; set; }

    /// <summary>What each decision recorded of tenants' limits.</summary>
    public List<(long Version, IReadOnlyCollection<TenantTerms> Terms)> Recorded { get; } = [];

    public StoredHolds? Holds { get; private set; }

    public Task SaveHoldsAsync(StoredHolds holds, CancellationToken cancel)
    {
        Holds = holds;
        return Task.CompletedTask;
    }

    public Task<StoredHolds?> LoadHoldsAsync(CancellationToken cancel) => Task.FromResult(Holds);

    public Task<RecordedProposal> AddAsync(
        LimitProposal proposal, long baseVersion, string proposedBy, DateTimeOffset at, CancellationToken cancel)
    {
        lock (_lock)
        {
            Replace(proposedBy, at);
            var added = new RecordedProposal(
                _proposals.Count + 1, at, baseVersion, proposal, proposedBy, ProposalState.Open, null, null);
            _proposals.Add(added);
            return Task.FromResult(added);
        }
    }

    public Task WithdrawAsync(string by, DateTimeOffset at, CancellationToken cancel)
    {
        lock (_lock)
        {
            Replace(by, at);
        }

        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<RecordedProposal>> ListAsync(int most, CancellationToken cancel)
    {
        lock (_lock)
        {
            return Task.FromResult<IReadOnlyList<RecordedProposal>>(
                [.. _proposals.AsEnumerable().Reverse().Take(most)]);
        }
    }

    public Task<RecordedProposal?> FindAsync(long id, CancellationToken cancel)
    {
        lock (_lock)
        {
            return Task.FromResult(_proposals.Find(p => p.Id == id));
        }
    }

    public Task<IReadOnlyList<LimitVersion>> ListVersionsAsync(int most, CancellationToken cancel)
    {
        lock (_lock)
        {
            return Task.FromResult<IReadOnlyList<LimitVersion>>([.. _versions.AsEnumerable().Reverse().Take(most)]);
        }
    }

    public Task<bool> DecideAsync(
        LimitVersion version, IReadOnlyCollection<TenantTerms> tenants, string source, CancellationToken cancel)
    {
        lock (_lock)
        {
            if (FailBefore is { } before)
            {
                return Task.FromException<bool>(before);
            }

            int at = _proposals.FindIndex(p => p.Id == version.Proposal);
            if (version.Number != _versions.Count + 1
                || (version.Proposal is not null && (at < 0 || _proposals[at].State != ProposalState.Open)))
            {
                return Task.FromResult(false);
            }

            if (at >= 0)
            {
                _proposals[at] = _proposals[at] with
                {
                    State = ProposalState.Applied, DecidedAt = version.At, DecidedBy = version.Actor,
                };
            }

            Replace(version.Actor, version.At);
            _versions.Add(version);
            Recorded.Add((version.Number, tenants));
            return FailAfter is { } after ? Task.FromException<bool>(after) : Task.FromResult(true);
        }
    }

    private void Replace(string by, DateTimeOffset at)
    {
        for (int i = 0; i < _proposals.Count; i++)
        {
            if (_proposals[i].State == ProposalState.Open)
            {
                _proposals[i] = _proposals[i] with { State = ProposalState.Replaced, DecidedAt = at, DecidedBy = by };
            }
        }
    }
}
