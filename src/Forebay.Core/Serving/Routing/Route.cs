using Forebay.Core.Fleet;

namespace Forebay.Core.Serving.Routing;

/// <summary>
/// Where a request was sent and what was thought of it: a place is held at <see cref="Deployment"/>, and what is
/// learned from the answer goes back through it.
/// </summary>
/// <param name="Deployment">Where it goes.</param>
/// <param name="State">Its counters; the place is given back there.</param>
/// <param name="Load">Its load and speed.</param>
/// <param name="ExpectedCachedTokens">Prompt tokens thought to be in its cache.</param>
/// <param name="UncachedTokens">Prompt tokens thought to have to be computed.</param>
/// <param name="QueuedTokens">Prompt tokens queued there once it was sent, its own and others' as reported included.
/// </param>
/// <param name="Running">Requests that its engine works on, this one and others' as reported included.</param>
/// <param name="Stream">Whether its first token will be seen.</param>
/// <param name="WayNs">Time on the way there and back.</param>
/// <param name="EngineWaitNs">Predicted wait in its engine for others and for memory, part of the time to first token.
/// </param>
/// <param name="FirstTokenNs">Predicted time to first token, the way included.</param>
public readonly record struct Route(
    Deployment Deployment,
    DeploymentState State,
    RouteLoad Load,
    long ExpectedCachedTokens,
    long UncachedTokens,
    long QueuedTokens,
    double Running,
    bool Stream,
    double WayNs,
    double EngineWaitNs,
    double FirstTokenNs)
{
    /// <summary>The whole prompt.</summary>
    public long InputTokens => ExpectedCachedTokens + UncachedTokens;
}
