namespace Forebay.Simulation.Traces;

/// <summary>What a trace asks for in all.</summary>
/// <param name="Name">The file, or the shape it was generated from.</param>
/// <param name="Requests">Number of requests.</param>
/// <param name="DurationSeconds">From the first request to the last, at speed 1.</param>
/// <param name="InputTokens">Sum of the prompts' lengths.</param>
/// <param name="OutputTokens">Sum of the answers' lengths.</param>
public sealed record TraceSummary(
    string Name,
    long Requests,
    double DurationSeconds,
    long InputTokens,
    long OutputTokens)
{
    /// <summary>
    /// Reads a whole trace once, keeping nothing: a file's errors show before its first request is sent.
    /// </summary>
    public static TraceSummary Of(string name, IEnumerable<TraceRequest> requests)
    {
        ArgumentNullException.ThrowIfNull(requests);
        long count = 0, input = 0, output = 0;
        double duration = 0;
        foreach (TraceRequest request in requests)
        {
            count++;
            input += request.InputTokens;
            output += request.OutputTokens;
            duration = request.ArrivalSeconds;
        }

        return new TraceSummary(name, count, duration, input, output);
    }
}
