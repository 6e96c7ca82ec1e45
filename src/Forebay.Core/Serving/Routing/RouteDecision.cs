namespace Forebay.Core.Serving.Routing;

/// <summary>What the router knew of one candidate, term by term.</summary>
/// <param name="Deployment">The candidate.</param>
/// <param name="Site">Where it is.</param>
/// <param name="ExcludedBy">What kept it out of the choice: tried, full, link, or failing while another
/// could serve; null when it took part.</param>
/// <param name="OutOfOrder">Why it comes after others whatever its times: dialect, failing, outage; null for nothing.
/// </param>
/// <param name="LinkMs">Time on the way there and back.</param>
/// <param name="QueueMs">Predicted time until its turn comes.</param>
/// <param name="PrefillMs">Predicted time to compute what is not cached of the prompt.</param>
/// <param name="FirstTokenMs">Predicted time to first token: the three above.</param>
/// <param name="OthersMs">By how much the request would delay those that come after it there.</param>
/// <param name="TokenMs">Predicted time per output token.</param>
/// <param name="PriceMicros">Marginal price, in millionths of a US dollar.</param>
/// <param name="OverlapTokens">Prompt tokens thought to be in its cache.</param>
/// <param name="InFlight">Requests in flight there.</param>
/// <param name="Places">Most that may be.</param>
public sealed record RouteCandidate(
    string Deployment,
    string Site,
    string? ExcludedBy,
    string? OutOfOrder,
    double LinkMs,
    double QueueMs,
    double PrefillMs,
    double FirstTokenMs,
    double OthersMs,
    double TokenMs,
    long PriceMicros,
    long OverlapTokens,
    int InFlight,
    int Places)
{
    /// <summary>What the candidates are compared by: its own time and what it costs others.</summary>
    public double CostMs => FirstTokenMs + OthersMs;
}

/// <summary>One decision of the router, for reading back.</summary>
/// <param name="Policy">How it chooses.</param>
/// <param name="Candidates">All that may serve the request, the chosen one first.</param>
/// <param name="Chosen">Where it went; null when no candidate had a place.</param>
/// <param name="Why">What decided, in words.</param>
public sealed record RouteDecision(
    string Policy, IReadOnlyList<RouteCandidate> Candidates, string? Chosen, string Why);
