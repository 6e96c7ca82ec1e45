using Forebay.Core.Serving.Queue;
using Forebay.Core.Time;
using Forebay.Simulation.Cells;

namespace Forebay.Simulation.Fairness;

/// <summary>
/// How evenly tenants were served while all of them had something waiting. Service is input tokens, counted when a
/// request gets its place, and twice the output tokens as they come, over the tenant's weight.
/// </summary>
/// <param name="Seconds">From when every place was taken until the first tenant had nothing waiting.</param>
/// <param name="Gap">Largest difference between the service of any two tenants since the beginning, at any time, in
/// weighted tokens.</param>
/// <param name="GapBound">Twice the larger of the dearest prompt's cost and the cost of one batch of output, the most
/// that requests in flight together had to come; both over their tenants' weights. VTC's bound (Sheng et al., "Fairness
/// in Serving Large Language Models", OSDI 2024, section 4).</param>
/// <param name="JainIndex">Of the tenants' service at the end (Jain, Chiu and Hawe, 1984): 1 is even.</param>
/// <param name="TokensPerSecond">Prompt and output tokens over the whole run.</param>
/// <param name="Shares">Service of each tenant, weighted, over the mean.</param>
public sealed record FairnessReport(
    double Seconds,
    double Gap,
    double GapBound,
    double JainIndex,
    double TokensPerSecond,
    IReadOnlyList<double> Shares)
{
    private const int Samples = 2_000;

    /// <summary>Adds a run up. The tenant and weight of a request are told apart from those it was served under, so
    /// that a queue without fairness can be measured too.</summary>
    /// <param name="tenants">Whose requests, by <see cref="CellRequest.Tenant"/>.</param>
    /// <param name="arrivals">As the tenants sent them.</param>
    /// <param name="times">What became of them; all were served.</param>
    public static FairnessReport Of(
        IReadOnlyList<TenantLoad> tenants, CellArrival[] arrivals, IReadOnlyList<CellTimes> times)
    {
        ArgumentNullException.ThrowIfNull(tenants);
        ArgumentNullException.ThrowIfNull(arrivals);
        ArgumentNullException.ThrowIfNull(times);
        long startNs = times.Where(t => t.PlacedNs > 0).Min(t => t.PlacedNs);
        long endNs = Enumerable.Range(0, tenants.Count)
            .Min(t => Served(arrivals, times).Where(s => s.Request.Tenant == t).Max(s => s.Times.PlacedNs));
        double[] begun = ServiceAt(tenants, arrivals, times, startNs);
        double gap = 0;
        double[] last = begun;
        for (int i = 1; i <= Samples; i++)
        {
            long atNs = startNs + (long)((endNs - startNs) * (i / (double)Samples));
            last = [.. ServiceAt(tenants, arrivals, times, atNs).Select((s, t) => s - begun[t])];
            gap = Math.Max(gap, last.Max() - last.Min());
        }

        double tokens = arrivals.Sum(a => (double)a.Request.InputTokens + a.Request.OutputTokens);
        double seconds = times.Max(t => t.FinishedNs) / (double)Instant.NsPerSecond;
        double mean = last.Average();
        return new FairnessReport(
            (endNs - startNs) / (double)Instant.NsPerSecond,
            gap,
            Bound(tenants, arrivals, times),
            last.Sum() * last.Sum() / (last.Length * last.Sum(s => s * s)),
            tokens / seconds,
            [.. last.Select(s => s / mean)]);
    }

    private static IEnumerable<(CellTimes Times, CellRequest Request)> Served(
        CellArrival[] arrivals, IReadOnlyList<CellTimes> times) => times.Select((t, i) => (t, arrivals[i].Request));

    /// <summary>Weighted service of each tenant up to a time; output comes evenly between first and last token.
    /// </summary>
    private static double[] ServiceAt(
        IReadOnlyList<TenantLoad> tenants, CellArrival[] arrivals, IReadOnlyList<CellTimes> times, long atNs)
    {
        var service = new double[tenants.Count];
        for (int i = 0; i < arrivals.Length; i++)
        {
            CellTimes t = times[i];
            CellRequest request = arrivals[i].Request;
            if (t.PlacedNs <= atNs)
            {
                double part = t.FirstTokenNs >= atNs ? 0
                    : t.FinishedNs <= atNs ? 1
                    : (atNs - t.FirstTokenNs) / (double)(t.FinishedNs - t.FirstTokenNs);
                double output = part * request.OutputTokens;
                service[request.Tenant] += (request.InputTokens + ServiceCounter.OutputWeight * output)
                    / tenants[request.Tenant].Weight;
            }
        }

        return service;
    }

    private static double Bound(
        IReadOnlyList<TenantLoad> tenants, CellArrival[] arrivals, IReadOnlyList<CellTimes> times)
    {
        double inFlight = 0, most = 0;
        double Weighted(int request, double tokens) => tokens / tenants[arrivals[request].Request.Tenant].Weight;
        var changes = times.SelectMany((t, i) => new[]
        {
            (AtNs: t.PlacedNs, Tokens: Weighted(i, arrivals[i].Request.OutputTokens)),
            (AtNs: t.FinishedNs, Tokens: -Weighted(i, arrivals[i].Request.OutputTokens)),
        });
        foreach ((_, double tokens) in changes.OrderBy(c => c.AtNs).ThenBy(c => c.Tokens))
        {
            inFlight += tokens;
            most = Math.Max(most, inFlight);
        }

        double prompt = arrivals.Select((a, i) => Weighted(i, a.Request.InputTokens)).Max();
        return 2 * Math.Max(prompt, ServiceCounter.OutputWeight * most);
    }
}
