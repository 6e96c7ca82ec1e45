namespace Forebay.Control.Admin.Contract;

/// <summary>Answer of <c>GET /v1/provider-register</c>.</summary>
public sealed record RegisterView(IReadOnlyList<RegisteredProviderView> Providers);

/// <summary>A provider in the register.</summary>
/// <param name="Id">The provider.</param>
/// <param name="Name">Its name.</param>
/// <param name="Sites">Its sites, each with its country.</param>
/// <param name="Groups">Concentration groups of it and of its sites.</param>
/// <param name="Commitments">What it owes.</param>
/// <param name="Served">Models that it serves.</param>
/// <param name="Substituted">Those that other providers serve too.</param>
/// <param name="Unsubstituted">Those that nobody else serves.</param>
/// <param name="ExitPlan">What is done when it leaves or fails.</param>
/// <param name="LastDrill">The last drill that lost it.</param>
public sealed record RegisteredProviderView(
    string Id,
    string Name,
    IReadOnlyList<RegisteredSiteView> Sites,
    IReadOnlyList<string> Groups,
    IReadOnlyList<RegisteredCommitmentView> Commitments,
    IReadOnlyList<string> Served,
    IReadOnlyList<string> Substituted,
    IReadOnlyList<string> Unsubstituted,
    string? ExitPlan,
    RegisteredDrillView? LastDrill);

public sealed record RegisteredSiteView(string Id, string? Country, string? Jurisdiction);

public sealed record RegisteredCommitmentView(string Id, DateOnly? Starts, DateOnly? Ends);

/// <summary>What a drill meant for requests.</summary>
public sealed record RegisteredDrillView(
    string Id,
    string Scope,
    string Target,
    DateTimeOffset At,
    string Phase,
    long Served,
    long Moved,
    long Refused,
    long Failed);
