using Forebay.Core.Serving.Permission;
using Forebay.Core.Time;

namespace Forebay.Simulation.Cells;

/// <summary>How a cell asks the production router, and tells it what it learns in service.</summary>
public interface ICellRouter
{
    /// <summary>Chooses a deployment and takes a place there.</summary>
    /// <param name="request">Position of the request in the cell's arrivals.</param>
    /// <param name="what">The request.</param>
    /// <param name="eligible">Where it may go.</param>
    /// <param name="now">Virtual time.</param>
    /// <returns>The deployment's position in the model's list; -1 when every place is taken.</returns>
    int TryEnter(int request, CellRequest what, EligibleSet eligible, Instant now);

    /// <summary>The first token of a request came.</summary>
    void FirstToken(int request, CellRequest what, int deployment, int cachedTokens, Instant now);

    /// <summary>A request ended: its place is given back.</summary>
    void Finished(int request, CellRequest what, int deployment, Instant now);
}
