namespace Forebay.Control.Admin.Contract;

/// <summary>Answer of <c>GET /v1/models/{id}/curve</c>. Token counts are means over requests lately; <c>Points</c> sums
/// over deployments that are not out.</summary>
public sealed record CurveView(
    string Model,
    double TpotMs,
    double PromptTokens,
    double UncachedTokens,
    double OutputTokens,
    IReadOnlyList<CurvePointView> Points,
    IReadOnlyList<CurveDeploymentView> Deployments);

/// <summary>The curve of one deployment. <c>Observations</c> is 0 where its speed is what was assumed of its chip;
/// <c>OthersRunning</c> are requests of others at its engine, which share the curve.</summary>
public sealed record CurveDeploymentView(
    string Deployment,
    string Site,
    int Places,
    bool Out,
    long Observations,
    double OthersRunning,
    IReadOnlyList<CurvePointView> Points);

/// <summary>What can be served while nine requests in ten get their first token within <c>TtftP90Ms</c>.</summary>
public sealed record CurvePointView(
    double TtftP90Ms,
    double RequestsPerSecond,
    double PromptTokensPerSecond,
    double OutputTokensPerSecond);
