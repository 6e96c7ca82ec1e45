using System.Text.Json.Serialization;

namespace Forebay.Demo;

/// <summary>Something that the demonstration must have shown.</summary>
/// <param name="Name">What.</param>
/// <param name="Holds">Whether it did.</param>
/// <param name="Detail">By what figures.</param>
public sealed record DemoCheck(string Name, bool Holds, string Detail);

/// <summary>What was seen in one part of the demonstration.</summary>
/// <param name="Name">Which part.</param>
/// <param name="Seconds">How long it was looked at.</param>
/// <param name="Figures">What clients saw.</param>
/// <param name="Waiting">Requests that waited for a place, on average.</param>
/// <param name="LimitTokensPerMinute">The metered tenant's limit, as its answers name it.</param>
/// <param name="MeteredTokensPerSecond">What the metered tenant got.</param>
/// <param name="Replicas">Replicas ready on Colossus 1.</param>
public sealed record DemoPart(
    string Name,
    double Seconds,
    DemoFigures Figures,
    double Waiting,
    long? LimitTokensPerMinute,
    double MeteredTokensPerSecond,
    int Replicas);

/// <summary>What came of a demonstration.</summary>
/// <param name="Passed">Whether every check holds.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Requests">Answered right, over all of it.</param>
/// <param name="Failed">Failed or answered wrong.</param>
/// <param name="LostUsage">Requests that clients and the ledger do not agree on.</param>
/// <param name="ResidencyViolations">Requests that went where they must not.</param>
/// <param name="Parts">Before, after, after the loss.</param>
/// <param name="Checks">What had to hold.</param>
public sealed record DemoReport(
    bool Passed,
    double Seconds,
    int Requests,
    int Failed,
    long LostUsage,
    long ResidencyViolations,
    IReadOnlyList<DemoPart> Parts,
    IReadOnlyList<DemoCheck> Checks);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(DemoReport))]
internal sealed partial class DemoJson : JsonSerializerContext;
