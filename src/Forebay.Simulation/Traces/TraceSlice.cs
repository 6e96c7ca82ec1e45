namespace Forebay.Simulation.Traces;

/// <summary>The beginning of a trace.</summary>
public static class TraceSlice
{
    /// <summary>
    /// The conversations that begin within some seconds, up to a number of requests; the last conversation loses the
    /// turns that are over it.
    /// </summary>
    /// <param name="trace">Requests in order of arrival; may be without end where a bound is given.</param>
    /// <param name="requests">Most requests, later turns included; null for all.</param>
    /// <param name="seconds">Conversations that begin at this time or later are left out; null for all.</param>
    public static IEnumerable<TraceRequest> First(IEnumerable<TraceRequest> trace, int? requests, double? seconds)
    {
        ArgumentNullException.ThrowIfNull(trace);
        int left = requests ?? int.MaxValue;
        foreach (TraceRequest request in trace)
        {
            if (left <= 0 || request.ArrivalSeconds >= seconds)
            {
                yield break;
            }

            yield return request.Turns <= left
                ? request
                : request with { LaterTurns = request.LaterTurns[..(left - 1)] };

            // A trace file of more than two thousand million requests has no bound.
            left = requests is null ? left : left - request.Turns;
        }
    }
}
