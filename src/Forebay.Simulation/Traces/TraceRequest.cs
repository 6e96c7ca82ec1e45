namespace Forebay.Simulation.Traces;

/// <summary>One request of a trace, as every reader and generator gives it.</summary>
/// <param name="ArrivalSeconds">Seconds after the trace's first request; never falls from one request to the next.
/// </param>
/// <param name="InputTokens">Length of the prompt in tokens.</param>
/// <param name="OutputTokens">Length of the answer in tokens.</param>
public sealed record TraceRequest(double ArrivalSeconds, int InputTokens, int OutputTokens);
