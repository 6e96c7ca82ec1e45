namespace Forebay.Simulation.Traces;

/// <summary>What a trace asks for in all.</summary>
/// <param name="Name">The file, or the workload it was generated from.</param>
/// <param name="Requests">Number of requests, every turn counted.</param>
/// <param name="DurationSeconds">From the first request to the last known arrival, at speed 1.</param>
/// <param name="InputTokens">Sum of the prompts' lengths.</param>
/// <param name="OutputTokens">Sum of the answers' lengths.</param>
public sealed record TraceSummary(
    string Name,
    long Requests,
    double DurationSeconds,
    long InputTokens,
    long OutputTokens)
{
    /// <summary>Conversations that the requests belong to; as many as requests where each stands alone.</summary>
    public long Conversations { get; init; } = Requests;

    /// <summary>Prompt tokens that an ideal prefix cache would hold (<see cref="PrefixReuse"/>); null when there were
    /// too many blocks to tell.</summary>
    public long? ReusableInputTokens { get; init; } = 0;

    /// <summary>
    /// Reads a whole trace once, keeping nothing but block ids: a file's errors show before its first request is sent.
    /// </summary>
    public static TraceSummary Of(string name, IEnumerable<TraceRequest> requests)
    {
        ArgumentNullException.ThrowIfNull(requests);
        long count = 0, conversations = 0, input = 0, output = 0;
        double duration = 0;
        var reuse = new PrefixReuse();
        foreach (TraceRequest request in requests)
        {
            conversations++;
            reuse.Add(request);
            foreach (TraceRequest turn in request.AllTurns)
            {
                count++;
                input += turn.InputTokens;
                output += turn.OutputTokens;
                duration = Math.Max(duration, turn.ArrivalSeconds);
            }
        }

        return new TraceSummary(name, count, duration, input, output)
        {
            Conversations = conversations,
            ReusableInputTokens = reuse.ReusableTokens,
        };
    }
}
