using System.Collections.Immutable;

namespace Forebay.Simulation.Traces;

/// <summary>
/// One request of a trace, as every reader and generator gives it; or, with <see cref="LaterTurns"/>, the conversation
/// that it opens.
/// </summary>
/// <param name="ArrivalSeconds">Seconds after the trace's first request; never falls from one request to the next. A
/// later turn is not sent before it, however early the turn before it ended.</param>
/// <param name="InputTokens">Length of the whole prompt in tokens, earlier turns included.</param>
/// <param name="OutputTokens">Length of the answer in tokens.</param>
public sealed record TraceRequest(double ArrivalSeconds, int InputTokens, int OutputTokens)
{
    /// <summary>Tokens of one prefix block.</summary>
    public const int TokensPerBlock = 512;

    /// <summary>
    /// What the prompt begins with, in blocks of 512 tokens: the same id is the same text wherever it stands. A last
    /// block that reaches past the prompt's length is cut; what no block covers is text of this request alone.
    /// </summary>
    public ImmutableArray<int> Blocks { get; init; } = [];

    /// <summary>Of a later turn: least time between the end of the turn before it and its own sending.</summary>
    public double ThinkSeconds { get; init; }

    /// <summary>
    /// The conversation's other turns, in order. A turn with blocks of its own has that text as its prompt; one without
    /// repeats the conversation so far, answers included, and adds new text.
    /// </summary>
    public ImmutableArray<TraceRequest> LaterTurns { get; init; } = [];

    /// <summary>Requests in all: this one and its later turns.</summary>
    public int Turns => 1 + LaterTurns.Length;

    /// <summary>This request and its later turns.</summary>
    public IEnumerable<TraceRequest> AllTurns => LaterTurns.Prepend(this);
}
