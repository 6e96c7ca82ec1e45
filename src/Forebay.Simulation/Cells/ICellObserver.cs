using Forebay.Core.Errors;
using Forebay.Core.Time;

namespace Forebay.Simulation.Cells;

/// <summary>
/// Watches a cell run: figures, checks and logs stand apart from what is simulated. Requests are named by their
/// position in the cell's arrivals, deployments by theirs in the model's list.
/// </summary>
public interface ICellObserver
{
    /// <summary>It reached the gateway.</summary>
    void Arrived(int request, Instant now);

    /// <summary>It was turned away, or gave up waiting.</summary>
    void Refused(int request, Reason reason, Instant now);

    /// <summary>It took a place at a deployment and was sent there.</summary>
    void Placed(int request, int deployment, Instant now);

    /// <summary>Its first token reached the gateway.</summary>
    /// <param name="request">The request.</param>
    /// <param name="deployment">Where it is served.</param>
    /// <param name="cachedTokens">Prompt tokens that were found in the engine's cache.</param>
    /// <param name="now">Virtual time.</param>
    void FirstToken(int request, int deployment, int cachedTokens, Instant now);

    /// <summary>Its last token reached the gateway, and its place was given back.</summary>
    void Finished(int request, int deployment, int outputTokens, Instant now);
}
