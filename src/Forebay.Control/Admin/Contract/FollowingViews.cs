namespace Forebay.Control.Admin.Contract;

/// <summary>One multiplier. <c>Hours</c> says it with the hours of the week (UTC) in which it is less.</summary>
public sealed record MultiplierView(string Tier, string? ModelClass, double Multiplier, string Hours);

/// <summary>How a class of models stands; <c>ModelClass</c> is left out for models in no class, <c>HeadroomRatio</c>
/// without demand.</summary>
public sealed record ClassStandingView(
    string? ModelClass,
    double? HeadroomRatio,
    double UncoveredTokensPerMinute,
    bool IsPromiseSafe,
    bool IsShort);

/// <summary>Answer of <c>GET /v1/limits/following</c> and <c>POST /v1/limits/proposals</c>: what is in force, what
/// would be proposed now, and how that is worked out. <c>Proposal</c> is left out where nothing would change;
/// <c>ProposalId</c> where it was not recorded.</summary>
public sealed record LimitsFollowingView(
    string Mode,
    LimitVersionView InForce,
    LimitVersionView? Announced,
    IReadOnlyList<ClassStandingView> Classes,
    IReadOnlyList<string> Arithmetic,
    IReadOnlyList<string> Refused,
    ProposedLimitsView? Proposal,
    long? ProposalId);

/// <summary>What is proposed: why, all multipliers as they would be, and how long it would be announced ahead.
/// <c>By</c> is when it takes effect at the latest, where capacity goes at a known time.</summary>
public sealed record ProposedLimitsView(
    string Cause, IReadOnlyList<MultiplierView> Multipliers, double AnnounceHours, DateTimeOffset? By);

/// <summary>A proposal on record.</summary>
public sealed record LimitProposalView(
    long Id,
    DateTimeOffset At,
    long BaseVersion,
    string State,
    string ProposedBy,
    DateTimeOffset? DecidedAt,
    string? DecidedBy,
    ProposedLimitsView Proposed,
    IReadOnlyList<string> Arithmetic);

/// <summary>Answer of <c>GET /v1/limits/proposals</c>: the last one first.</summary>
public sealed record LimitProposalListView(IReadOnlyList<LimitProposalView> Proposals);

/// <summary>A decision on limits; version 0 stands for what tiers promise.</summary>
public sealed record LimitVersionView(
    long Version,
    DateTimeOffset At,
    DateTimeOffset EffectiveAt,
    string Actor,
    long? Proposal,
    long? RolledBack,
    IReadOnlyList<MultiplierView> Multipliers);

/// <summary>Answer of <c>GET /v1/limits/versions</c>: the last one first.</summary>
public sealed record LimitVersionListView(IReadOnlyList<LimitVersionView> Versions);

/// <summary>Body of <c>POST /v1/limits/rollback</c>: the version that the caller saw last, or the proposal whose
/// decision is to be taken back; both are optional.</summary>
public sealed record RollbackLimitsBody(long? Version, long? Proposal);
