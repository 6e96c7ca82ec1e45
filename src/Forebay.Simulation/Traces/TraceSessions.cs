namespace Forebay.Simulation.Traces;

/// <summary>
/// Finds the conversations that a trace's prefix blocks imply. A request continues an earlier one when the deepest
/// block it shares with anything before it is the last whole block of that earlier request, and no other request had
/// that block first: the whole earlier prompt comes again, and it is not merely a system prompt that many share. Each
/// request is continued once, by the first that can.
/// </summary>
public static class TraceSessions
{
    /// <summary>
    /// The requests as conversations, in order of their first turns. A later turn keeps its recorded arrival, before
    /// which it is not sent, and its blocks. O(blocks) time; holds the whole trace.
    /// </summary>
    /// <param name="requests">Requests in order of arrival, without later turns.</param>
    /// <param name="thinkSeconds">Least time between the end of a turn and the sending of the next.</param>
    public static IReadOnlyList<TraceRequest> Group(IEnumerable<TraceRequest> requests, double thinkSeconds)
    {
        ArgumentNullException.ThrowIfNull(requests);
        ArgumentOutOfRangeException.ThrowIfNegative(thinkSeconds);
        var seen = new HashSet<int>();
        var openEnds = new Dictionary<int, int>();
        var conversations = new List<List<TraceRequest>>();
        foreach (TraceRequest request in requests)
        {
            int whole = Math.Min(request.Blocks.Length, request.InputTokens / TraceRequest.TokensPerBlock);
            int shared = 0;
            while (shared < whole && seen.Contains(request.Blocks[shared]))
            {
                shared++;
            }

            if (shared > 0 && openEnds.Remove(request.Blocks[shared - 1], out int conversation))
            {
                conversations[conversation].Add(request with { ThinkSeconds = thinkSeconds });
            }
            else
            {
                conversation = conversations.Count;
                conversations.Add([request]);
            }

            if (whole > shared)
            {
                openEnds[request.Blocks[whole - 1]] = conversation;
                seen.UnionWith(request.Blocks.AsSpan(shared, whole - shared).ToArray());
            }
        }

        return [.. conversations.Select(turns => turns[0] with { LaterTurns = [.. turns.Skip(1)] })];
    }
}
