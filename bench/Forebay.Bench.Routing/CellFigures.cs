using System.Text.Json;
using System.Text.Json.Serialization;
using Forebay.Simulation.Cells;

namespace Forebay.Bench.Routing;

/// <summary>A cell, named, with its figures.</summary>
internal sealed record CellFigures
{
    public required string Trace { get; init; }

    public required string Fleet { get; init; }

    public required string Policy { get; init; }

    /// <summary>Share of capacity.</summary>
    public required double Load { get; init; }

    public required ulong Seed { get; init; }

    /// <summary>Prompt and output tokens.</summary>
    public required double CapacityTokensPerSecond { get; init; }

    /// <summary>Times the trace's own pace.</summary>
    public required double SpeedUp { get; init; }

    public required CellReport Report { get; init; }

    public static string Json(IReadOnlyList<CellFigures> cells) => cells.Count == 1
        ? JsonSerializer.Serialize(cells[0], FiguresJson.Default.CellFigures)
        : JsonSerializer.Serialize(cells, FiguresJson.Default.IReadOnlyListCellFigures);
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(CellFigures))]
[JsonSerializable(typeof(IReadOnlyList<CellFigures>))]
internal sealed partial class FiguresJson : JsonSerializerContext;
