using Forebay.Core.Serving.Engine;
using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Cells;

/// <summary>A request of a cell.</summary>
/// <param name="ArrivalSeconds">Trace time.</param>
/// <param name="InputTokens">Length of the prompt, at least 1.</param>
/// <param name="OutputTokens">Length of the answer, at least 1.</param>
/// <param name="PrefixHashes">Chained hashes of the prompt's full blocks of 16 tokens.</param>
/// <param name="Conversation">The conversation it belongs to.</param>
/// <param name="Tenant">Position of its tenant in the cell's list.</param>
public sealed record CellRequest(
    double ArrivalSeconds, int InputTokens, int OutputTokens, ulong[] PrefixHashes, int Conversation, int Tenant = 0);

/// <summary>When a request of a cell arrives.</summary>
/// <param name="AtNs">Virtual time.</param>
/// <param name="Request">The request.</param>
public readonly record struct CellArrival(long AtNs, CellRequest Request);

/// <summary>
/// A trace made ready for cells: prompts as hashes of engine blocks, made once and shared by every cell over it. A
/// trace's block of 512 tokens becomes 32 engine blocks whose hashes chain over all before them; text that no block of
/// the trace covers is the request's own.
/// </summary>
public sealed class CellTrace
{
    /// <summary>How far a seed moves each conversation, to either side, in seconds of trace time.</summary>
    public const double JitterSeconds = 5;

    /// <summary>Share of the conversations that a seed keeps.</summary>
    public const double KeptShare = 0.9;

    private const int PerTraceBlock = TraceRequest.TokensPerBlock / EngineParameters.BlockTokens;
    private const ulong OwnText = 0x0520_7E87_0520_7E87;

    private readonly int _conversations;

    public CellTrace(string name, IReadOnlyList<CellRequest> requests)
    {
        ArgumentNullException.ThrowIfNull(requests);
        ArgumentOutOfRangeException.ThrowIfZero(requests.Count);
        Name = name;
        Requests = requests;
        _conversations = requests.Max(r => r.Conversation) + 1;
    }

    public string Name { get; }

    /// <summary>The requests in order of arrival.</summary>
    public IReadOnlyList<CellRequest> Requests { get; }

    /// <summary>Makes a trace ready. O(blocks); holds 8 bytes for each 16 prompt tokens.</summary>
    /// <param name="name">Name for reports.</param>
    /// <param name="requests">Requests in order of arrival, without later turns. None may be empty: where a trace has
    /// no tokens, one is sent, as no API takes none.</param>
    public static CellTrace Of(string name, IEnumerable<TraceRequest> requests)
    {
        var made = new List<CellRequest>();
        foreach (TraceRequest conversation in TraceSessions.Group(requests, thinkSeconds: 0))
        {
            int number = made.Count == 0 ? 0 : made[^1].Conversation + 1;
            made.AddRange(conversation.AllTurns.Select((turn, i) => new CellRequest(
                turn.ArrivalSeconds,
                Math.Max(1, turn.InputTokens),
                Math.Max(1, turn.OutputTokens),
                HashesOf(turn, SplitMix64.Mix(OwnText ^ (ulong)number) ^ (ulong)i),
                number)));
        }

        // Stable, so that requests of one time stay in the order of their conversations.
        return new CellTrace(name, [.. made.OrderBy(r => r.ArrivalSeconds)]);
    }

    /// <summary>
    /// The requests that a seed sends, and when. A seed leaves a tenth of the conversations out at random and moves
    /// each of the others by up to five seconds of trace time; zero is the trace as it is.
    /// </summary>
    /// <param name="seed">Which draw.</param>
    /// <param name="tokensPerSecond">Mean rate of prompt and output tokens to send them at, infinite for all at
    /// once.</param>
    public CellArrival[] Arrivals(ulong seed, double tokensPerSecond)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tokensPerSecond);
        var offsets = new double[_conversations];
        for (int i = 0; i < offsets.Length && seed != 0; i++)
        {
            var draw = new SplitMix64(seed, (ulong)i);
            offsets[i] = draw.NextDouble() < KeptShare ? 2 * JitterSeconds * draw.NextDouble() : double.NaN;
        }

        (double At, CellRequest Request)[] sent =
        [
            .. Requests.Select(r => (At: r.ArrivalSeconds + offsets[r.Conversation], Request: r))
                .Where(s => !double.IsNaN(s.At))
                .OrderBy(s => s.At),
        ];
        double first = sent.Length == 0 ? 0 : sent[0].At;
        double seconds = sent.Length == 0 ? 0 : sent[^1].At - first;
        double tokens = sent.Sum(s => (double)s.Request.InputTokens + s.Request.OutputTokens);

        // The whole of it in as many seconds as the rate asks for.
        double scale = seconds > 0 ? tokens / tokensPerSecond / seconds : 0;
        return [.. sent.Select(s => new CellArrival((long)((s.At - first) * scale * 1e9), s.Request))];
    }

    /// <summary>Mean rate of prompt and output tokens at the trace's own pace.</summary>
    public double TokensPerSecond
    {
        get
        {
            double seconds = Requests[^1].ArrivalSeconds - Requests[0].ArrivalSeconds;
            double tokens = Requests.Sum(r => (double)r.InputTokens + r.OutputTokens);
            return seconds > 0 ? tokens / seconds : double.PositiveInfinity;
        }
    }

    private static ulong[] HashesOf(TraceRequest request, ulong ownIdentity)
    {
        var hashes = new ulong[Math.Max(1, request.InputTokens) / EngineParameters.BlockTokens];
        ulong chain = 0;
        for (int i = 0; i < hashes.Length; i++)
        {
            int block = i / PerTraceBlock;
            ulong text = block < request.Blocks.Length ? (ulong)request.Blocks[block] : ownIdentity;
            chain = SplitMix64.Mix(chain ^ SplitMix64.Mix(text) ^ (ulong)(i % PerTraceBlock));
            hashes[i] = chain;
        }

        return hashes;
    }
}
