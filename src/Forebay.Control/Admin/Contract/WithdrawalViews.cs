namespace Forebay.Control.Admin.Contract;

/// <summary>Asks for a withdrawal.</summary>
/// <param name="Kind">drain, reclaim or drill.</param>
/// <param name="Scope">pool, commitment, site, provider or group.</param>
/// <param name="Id">Id of what the scope names.</param>
/// <param name="At">From when; now when left out.</param>
/// <param name="CutSeconds">How long after that work in flight may go on; 600 when left out, 0 for a drill.</param>
/// <param name="ForSeconds">How long it is out; until it is returned when left out, 60 for a drill.</param>
/// <param name="Quantity">What a reclaim takes of each pool; all when left out.</param>
public sealed record WithdrawalBody(
    string Kind,
    string Scope,
    string Id,
    DateTimeOffset? At,
    double? CutSeconds,
    double? ForSeconds,
    double? Quantity = null);

/// <summary>A withdrawal, how far it has come and what it meant.</summary>
/// <param name="Id">w-1, w-2, ...</param>
/// <param name="Kind">drain, reclaim or drill.</param>
/// <param name="Scope">pool, commitment, site, provider or group.</param>
/// <param name="Target">What the scope names.</param>
/// <param name="Phase">announced, leaving, out or returned.</param>
/// <param name="Actor">Who asked.</param>
/// <param name="Asked">When.</param>
/// <param name="From">From when nothing new goes there.</param>
/// <param name="CutAt">When work in flight there is cut.</param>
/// <param name="ReturnAt">When it serves again; left out until somebody returns it.</param>
/// <param name="ShortNoticeDays">Days by which a reclaim fell short of the notice that its commitment owes.</param>
/// <param name="TakenOut">When it was taken out.</param>
/// <param name="Emptied">When nothing was in flight there any more.</param>
/// <param name="Returned">When it served again.</param>
/// <param name="InFlightAtStart">Requests in flight there when it was taken out.</param>
/// <param name="CutRequests">Requests cut there.</param>
/// <param name="Quantity">What is taken of each pool; left out for all.</param>
/// <param name="Partner">The partner whose record has the notice.</param>
/// <param name="Deployments">What it keeps requests from.</param>
/// <param name="Impact">What it meant for requests; left out before it was taken out.</param>
public sealed record WithdrawalView(
    string Id,
    string Kind,
    string Scope,
    string Target,
    string Phase,
    string Actor,
    DateTimeOffset Asked,
    DateTimeOffset From,
    DateTimeOffset CutAt,
    DateTimeOffset? ReturnAt,
    double? ShortNoticeDays,
    DateTimeOffset? TakenOut,
    DateTimeOffset? Emptied,
    DateTimeOffset? Returned,
    int InFlightAtStart,
    int CutRequests,
    long? Quantity,
    string? Partner,
    IReadOnlyList<string> Deployments,
    ImpactView? Impact);

/// <summary>What a withdrawal meant for requests, beside the time before it.</summary>
public sealed record ImpactView(
    double BeforeSeconds,
    double DuringSeconds,
    long Served,
    long Moved,
    long Refused,
    long Failed,
    IReadOnlyList<ModelImpactView> Models);

/// <summary>The same for one model.</summary>
public sealed record ModelImpactView(string Model, ServiceView Before, ServiceView During);

/// <summary>What became of requests in some time.</summary>
public sealed record ServiceView(
    long Requests,
    long Served,
    long Refused,
    long Failed,
    long Moved,
    long Continued,
    double? FirstTokenP50Ms,
    double? FirstTokenP95Ms,
    IReadOnlyDictionary<string, long> Reasons);

public sealed record WithdrawalListView(IReadOnlyList<WithdrawalView> Withdrawals);
