using System.Collections.Frozen;
using Forebay.Control.FleetFile;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Demand;
using Forebay.Core.Fleet;
using Forebay.TestKit;

namespace Forebay.UnitTests.Core.Capacity.Placement;

/// <summary>The example fleet whose versions place themselves, and its demand.</summary>
internal static class PlacedFleet
{
    public const string File = "examples/placed/fleet.yaml";
    public const string Demand = "examples/placed/demand.csv";

    public static FleetConfig Read() => new FleetFileReader(AcceleratorCatalogue.BuiltIn.Names.ToFrozenSet())
        .ReadFile(Path.Combine(SharedFiles.RepositoryRoot, File)).Config
        ?? throw new InvalidOperationException($"{File} is not valid.");

    public static IReadOnlyList<DemandForecast> ReadDemand(FleetConfig fleet)
    {
        var problems = new List<string>();
        string text = System.IO.File.ReadAllText(Path.Combine(SharedFiles.RepositoryRoot, Demand));
        IReadOnlyList<DemandForecast> demand = DemandCsv.Read(text, fleet, 0, problems);
        return problems.Count == 0 ? demand : throw new InvalidOperationException(string.Join("; ", problems));
    }
}
