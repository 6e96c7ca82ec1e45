namespace Forebay.Control.Admin.Contract;

/// <summary>What placement decided last. Without <c>At</c> it has nothing to decide.</summary>
/// <param name="At">When.</param>
/// <param name="HorizonHours">How far ahead it looked.</param>
/// <param name="ServedShare">Share of the demand over the horizon that is served.</param>
/// <param name="ObjectiveUsd">Worth of what is served less what it costs.</param>
/// <param name="Decisions">One for each replica: drains, starts, what is kept.</param>
/// <param name="Refused">Replicas that the ledger gave no lease for, with its words.</param>
/// <param name="Unmet">Demand that stays unserved, and what binds.</param>
/// <param name="UnmetMinimums">Minimums that are not kept, and what binds.</param>
public sealed record PlacementStateView(
    DateTimeOffset? At,
    int HorizonHours,
    double ServedShare,
    double ObjectiveUsd,
    IReadOnlyList<PlacementDecisionView> Decisions,
    IReadOnlyList<string> Refused,
    IReadOnlyList<UnmetView> Unmet,
    IReadOnlyList<UnmetMinimumView> UnmetMinimums);

/// <summary>A decision about one replica. Money in US dollars over the horizon.</summary>
public sealed record PlacementDecisionView(
    string Replica,
    string Action,
    string Cause,
    string Model,
    string Version,
    string Build,
    string Pool,
    int LeasedAccelerators,
    double ServedUsd,
    double HoldUsd,
    double ChangeUsd);

/// <summary>Demand of a class that stays unserved.</summary>
public sealed record UnmetView(
    string Model,
    string Version,
    string Class,
    double Share,
    double PeakReplicas,
    int PeakHour,
    string Binding,
    IReadOnlyDictionary<string, int> Pools);

/// <summary>A minimum that is not kept.</summary>
public sealed record UnmetMinimumView(
    string Model, string Version, string What, string Binding, IReadOnlyDictionary<string, int> Pools);
