using System.Text.Json;
using System.Text.Json.Serialization;

namespace Forebay.Bench.Gateway;

/// <summary>One contestant in one discipline: the medians of its runs.</summary>
internal sealed record Rate(
    string Name, double PerSecond, double P50Us, double P99Us, double CpuUs, long Failed, double[] PerSecondRuns);

/// <summary>Most requests per second with 99% under a limit.</summary>
internal sealed record Frontier(string Name, double LimitMs, double PerSecond, int Connections);

/// <summary>Paced streams through one contestant.</summary>
internal sealed record Paced(string Name, long Streams, StreamRun Run)
{
    public double KilobytesPerStream => (Run.MostBytes - Run.IdleBytes) / 1000.0 / Math.Max(1, Run.MostOpen);
}

/// <summary>Resident memory of Forebay in bytes: once ready, and after so many requests.</summary>
internal sealed record Memory(double IdleBytes, IReadOnlyList<KeyValuePair<long, double>> AfterRequests);

/// <summary>Everything that one run measured.</summary>
internal sealed record Results(Machine Machine, double ForebayReadyMs)
{
    public Memory? Memory { get; set; }

    public List<Rate> Small { get; } = [];

    public List<Rate> One { get; } = [];

    public List<Rate> Stream { get; } = [];

    public List<Rate> Large { get; } = [];

    public List<Rate> Translated { get; } = [];

    public List<Frontier> Frontier { get; } = [];

    public List<Paced> Slow { get; } = [];

    public List<Paced> Fast { get; } = [];

    public string ToJson() => JsonSerializer.Serialize(this, ResultsJson.Default.Results);
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Results))]
internal sealed partial class ResultsJson : JsonSerializerContext;
