using System.Text.Json.Serialization;

namespace Forebay.Control.Limits.Following;

/// <summary>What the audit log keeps of a decision on limits.</summary>
internal sealed record DecisionDetail(long Version, DateTimeOffset EffectiveAt, string Before, string After);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(DecisionDetail))]
internal sealed partial class DecisionJson : JsonSerializerContext;
