namespace Forebay.Core.Capacity.Demand;

/// <summary>Demand that may be served in the same places: of one model, from one region, under one residency.</summary>
/// <param name="Model">The model.</param>
/// <param name="Region">Region of the clients; empty where it is not known.</param>
/// <param name="Residency">Residency policy; empty for none.</param>
/// <param name="DataClass">Data class; empty for none.</param>
public readonly record struct DemandKey(string Model, string Region = "", string Residency = "", string DataClass = "")
{
    /// <summary>Region and residency, for people.</summary>
    public string Label
    {
        get
        {
            string place = Region.Length == 0 ? "any region" : Region;
            string rule = Residency.Length == 0 ? "" : $", {Residency}";
            return DataClass.Length == 0 ? place + rule : $"{place}{rule}, {DataClass}";
        }
    }
}

/// <summary>What was asked in one hour.</summary>
/// <param name="InputTokens">Prompt tokens that no cache had.</param>
/// <param name="OutputTokens">Tokens of the answers.</param>
/// <param name="Requests">Requests.</param>
public readonly record struct DemandAmounts(double InputTokens, double OutputTokens, double Requests)
{
    public static DemandAmounts operator +(DemandAmounts a, DemandAmounts b) => Add(a, b);

    public static DemandAmounts Add(DemandAmounts a, DemandAmounts b) =>
        new(a.InputTokens + b.InputTokens, a.OutputTokens + b.OutputTokens, a.Requests + b.Requests);
}
