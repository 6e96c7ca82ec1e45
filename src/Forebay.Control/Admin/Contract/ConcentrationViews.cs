namespace Forebay.Control.Admin.Contract;

/// <summary>Answer of <c>GET /v1/concentration</c>.</summary>
/// <param name="From">Start of the window.</param>
/// <param name="To">Its end.</param>
/// <param name="Window">hour, day or month.</param>
/// <param name="Herfindahl">The index over providers, by measure; left out where the whole is nothing.</param>
/// <param name="Providers">They part the whole.</param>
/// <param name="Groups">They may overlap, and need not cover it.</param>
/// <param name="Passed">Shares above their caps.</param>
/// <param name="Unpriced">Commitments whose spend is not known; they are in no share of spend.</param>
public sealed record ConcentrationView(
    DateTimeOffset From,
    DateTimeOffset To,
    string Window,
    HerfindahlView Herfindahl,
    IReadOnlyList<ConcentrationEntryView> Providers,
    IReadOnlyList<ConcentrationEntryView> Groups,
    IReadOnlyList<CapPassedView> Passed,
    IReadOnlyList<UnpricedView> Unpriced);

public sealed record HerfindahlView(double? Leased, double? Served, double? Spend);

/// <summary>A provider's or a group's part of the whole.</summary>
/// <param name="Id">Which one.</param>
/// <param name="LeasedAccelerators">Accelerators leased there.</param>
/// <param name="LeasedShare">Of all that are leased, 0 to 1.</param>
/// <param name="ServedTokens">Prompt and output tokens served there.</param>
/// <param name="ServedShare">Of all that were served.</param>
/// <param name="SpendUsd">US dollars.</param>
/// <param name="SpendShare">Of all that was spent.</param>
/// <param name="RoomAccelerators">How many accelerators more may be leased there before a constraining cap binds, if
/// nothing else is leased; left out where none does, and for providers.</param>
/// <param name="RoomBoundBy">The measure whose cap that is.</param>
public sealed record ConcentrationEntryView(
    string Id,
    decimal LeasedAccelerators,
    double LeasedShare,
    decimal ServedTokens,
    double ServedShare,
    decimal SpendUsd,
    double SpendShare,
    decimal? RoomAccelerators,
    string? RoomBoundBy);

/// <summary>A share above its cap.</summary>
public sealed record CapPassedView(string Group, string Measure, double Share, double Max, string Action);

public sealed record UnpricedView(string Commitment, string Why);
