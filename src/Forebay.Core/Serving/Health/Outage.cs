using Forebay.Core.Errors;
using Forebay.Core.Fleet;

namespace Forebay.Core.Serving.Health;

/// <summary>Every deployment that a request may use is out.</summary>
/// <param name="BackNs">When the first of them takes requests again, on the monotonic clock.</param>
/// <param name="Reason">Why, for the client.</param>
/// <param name="Detail">Who is out and why, for the log.</param>
public readonly record struct Outage(long BackNs, Reason Reason, string Detail)
{
    private const int MaxNamed = 5;

    /// <summary>Finds whether all are out. Cost: one pass; it ends at the first that is not.</summary>
    /// <returns>Null where one takes ordinary traffic.</returns>
    public static Outage? Find(ReadOnlySpan<Deployment> eligible, FleetState state, long nowNs)
    {
        foreach (Deployment deployment in eligible)
        {
            if (!state.Of(deployment).IsOut(nowNs))
            {
                return null;
            }
        }

        long back = long.MaxValue;
        bool account = true;
        var named = new List<string>();
        foreach (Deployment deployment in eligible)
        {
            DeploymentState live = state.Of(deployment);
            BreakerView view = live.Breaker.View(nowNs);
            back = Math.Min(back, Math.Max(nowNs, view.UntilNs));
            account &= view.Cause is OutCause.Account or OutCause.RateLimit;
            if (named.Count < MaxNamed)
            {
                string cause = $"{HealthNames.Of(view.Cause)} ({ReasonTable.LabelOf(live.LastFailure)})";
                named.Add($"{deployment.Id} {HealthNames.Of(view.State)} for {cause}");
            }
        }

        return new Outage(
            back,
            account ? Reason.UpstreamAccount : Reason.UpstreamUnavailable,
            string.Join(", ", named) + (eligible.Length > MaxNamed ? ", ..." : ""));
    }
}
