namespace Forebay.Control.Admin.Contract;

/// <summary>Body of <c>POST /v1/models/{id}/rollout</c>; all but <c>To</c> may be left out.</summary>
public sealed record RolloutBody(
    string To, string? From, IReadOnlyList<double>? Steps, double? HoldSeconds, double? MinRequests);

/// <summary>Body of <c>POST /v1/models/{id}/rollout/rollback</c>.</summary>
public sealed record RollBackBody(string? Reason);

/// <summary>A rollout. <c>Arms</c> is what was counted since it began, or since the server did; left out for one that
/// is not the model's last.</summary>
public sealed record RolloutView(
    long Id,
    string Model,
    string From,
    string To,
    string Phase,
    double Share,
    int Step,
    IReadOnlyList<double> Steps,
    double HoldSeconds,
    int MinRequests,
    DateTimeOffset Started,
    DateTimeOffset StepSince,
    DateTimeOffset Changed,
    string Actor,
    string Reason,
    int Looks,
    IReadOnlyList<RolloutArmView>? Arms);

/// <summary>Answers of one version at one provider. Times are of streams, 0 where none came.</summary>
public sealed record RolloutArmView(
    string Provider,
    string Version,
    long Served,
    long Failed,
    double TtftP50Ms,
    double TtftP90Ms,
    double TpotP50Ms,
    double TpotP90Ms);

/// <summary>Answer of <c>GET /v1/rollouts</c>.</summary>
public sealed record RolloutListView(IReadOnlyList<RolloutView> Rollouts);
