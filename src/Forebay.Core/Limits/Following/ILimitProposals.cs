using System.Collections.Immutable;

namespace Forebay.Core.Limits.Following;

/// <summary>What became of a proposal.</summary>
public enum ProposalState : byte
{
    /// <summary>It waits for somebody to apply it.</summary>
    Open,

    /// <summary>It was applied.</summary>
    Applied,

    /// <summary>Another one was made in its place, other multipliers were decided on since, or what it rested on is no
    /// more.</summary>
    Replaced,
}

/// <summary>A proposal on record.</summary>
/// <param name="Id">Its number, rising.</param>
/// <param name="At">When it was made.</param>
/// <param name="BaseVersion">The version of the multipliers that it starts from.</param>
/// <param name="Proposal">What it says.</param>
/// <param name="ProposedBy">Who made it: <c>controller</c>, or an operator.</param>
/// <param name="State">What became of it.</param>
/// <param name="DecidedAt">When.</param>
/// <param name="DecidedBy">By whom.</param>
public sealed record RecordedProposal(
    long Id,
    DateTimeOffset At,
    long BaseVersion,
    LimitProposal Proposal,
    string ProposedBy,
    ProposalState State,
    DateTimeOffset? DecidedAt,
    string? DecidedBy);

/// <summary>One decision on multipliers. None is ever changed or removed.</summary>
/// <param name="Number">1, 2, 3...; 0 stands for what tiers promise, before any.</param>
/// <param name="At">When it was decided.</param>
/// <param name="EffectiveAt">Since when it holds, or is announced to. One decided on before that takes its place.
/// </param>
/// <param name="Multipliers">All multipliers.</param>
/// <param name="Proposal">The proposal it came from; null for a rollback.</param>
/// <param name="RolledBack">The version it took back; null for none.</param>
/// <param name="Actor">Who decided.</param>
public sealed record LimitVersion(
    long Number,
    DateTimeOffset At,
    DateTimeOffset EffectiveAt,
    TierMultipliers Multipliers,
    long? Proposal,
    long? RolledBack,
    string Actor)
{
    /// <summary>What the history of limits says changed them: tenants read that, and who decided is not for
    /// them.</summary>
    public const string ChangedBy = "capacity";

    /// <summary>What holds before anything was decided.</summary>
    public static LimitVersion Promise { get; } = new(
        0, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, TierMultipliers.Promise, null, null, "promise");
}

/// <summary>How long conditions have held, as last stored.</summary>
/// <param name="Version">The decision that they hold since; those of another one say nothing.</param>
/// <param name="At">When it was stored: what was so after that is not known.</param>
/// <param name="Holds">By class.</param>
public sealed record StoredHolds(long Version, DateTimeOffset At, IReadOnlyDictionary<string, ClassHold> Holds)
{
    /// <summary>The holds for a process that goes on at a later time: the time in between counts for nothing.
    /// </summary>
    public ImmutableDictionary<string, ClassHold> GoOn(DateTimeOffset now)
    {
        long away = Math.Max(0, (long)(now - At).TotalMilliseconds);
        return Holds.ToImmutableDictionary(
            h => h.Key,
            h => h.Value with
            {
                RaiseSinceMs = h.Value.RaiseSinceMs + away, ShortSinceMs = h.Value.ShortSinceMs + away,
            },
            StringComparer.Ordinal);
    }
}

/// <summary>Proposals and decisions, durable.</summary>
public interface ILimitProposals
{
    /// <summary>Records a proposal; the one that was open, if any, is replaced.</summary>
    /// <returns>The proposal with its number.</returns>
    Task<RecordedProposal> AddAsync(
        LimitProposal proposal, long baseVersion, string proposedBy, DateTimeOffset at, CancellationToken cancel);

    /// <summary>Stores how long conditions have held, in place of what was stored of that before.</summary>
    Task SaveHoldsAsync(StoredHolds holds, CancellationToken cancel);

    /// <summary>What was stored last; null for nothing.</summary>
    Task<StoredHolds?> LoadHoldsAsync(CancellationToken cancel);

    /// <summary>Takes back the proposal that is open, if any.</summary>
    Task WithdrawAsync(string by, DateTimeOffset at, CancellationToken cancel);

    /// <summary>The latest proposals, the last one first.</summary>
    Task<IReadOnlyList<RecordedProposal>> ListAsync(int most, CancellationToken cancel);

    Task<RecordedProposal?> FindAsync(long id, CancellationToken cancel);

    /// <summary>The latest decisions, the last one first.</summary>
    Task<IReadOnlyList<LimitVersion>> ListVersionsAsync(int most, CancellationToken cancel);

    /// <summary>
    /// Records a decision whole or not at all: the version, what becomes of its proposal and of the one that is open,
    /// and what it changes of each tenant's limits.
    /// </summary>
    /// <param name="version">The decision; its number is that of the last version and one.</param>
    /// <param name="tenants">What tenants are held to once it is in effect.</param>
    /// <param name="source">What the history of limits says it came from.</param>
    /// <param name="cancel">Gives up before anything is written.</param>
    /// <returns>False where another version has that number: somebody else decided first, and nothing was
    /// written.</returns>
    Task<bool> DecideAsync(
        LimitVersion version, IReadOnlyCollection<TenantTerms> tenants, string source, CancellationToken cancel);
}

/// <summary>Which of some decisions holds.</summary>
public static class LimitVersions
{
    /// <summary>The version in force at a time. One that was announced and had not taken effect when the next one was
    /// decided on never does.</summary>
    /// <param name="versions">All, or enough of the latest, the last one first.</param>
    /// <param name="at">When.</param>
    public static LimitVersion InForce(IReadOnlyList<LimitVersion> versions, DateTimeOffset at)
    {
        DateTimeOffset replacedAt = DateTimeOffset.MaxValue;
        foreach (LimitVersion version in versions)
        {
            if (version.EffectiveAt <= at && version.EffectiveAt <= replacedAt)
            {
                return version;
            }

            replacedAt = version.At;
        }

        return LimitVersion.Promise;
    }

    /// <summary>The version that is announced and not in effect yet; null for none.</summary>
    public static LimitVersion? Announced(IReadOnlyList<LimitVersion> versions, DateTimeOffset at) =>
        versions is [var last, ..] && last.EffectiveAt > at ? last : null;

    /// <summary>When limits were last raised: the controller waits a day from then.</summary>
    public static DateTimeOffset? LastRaise(IReadOnlyList<LimitVersion> versions)
    {
        for (int i = 0; i < versions.Count; i++)
        {
            TierMultipliers before = i + 1 < versions.Count
                ? versions[i + 1].Multipliers
                : LimitVersion.Promise.Multipliers;
            if (versions[i].Multipliers.Against(before).Raises)
            {
                return versions[i].At;
            }
        }

        return null;
    }
}
