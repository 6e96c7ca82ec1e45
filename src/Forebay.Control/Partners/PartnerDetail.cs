using System.Text.Json.Serialization;

namespace Forebay.Control.Partners;

/// <summary>What the audit log keeps of a partner's step.</summary>
internal sealed record PartnerDetail(
    long Revision, string? Before, string After, IReadOnlyList<string> Findings);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(PartnerDetail))]
internal sealed partial class PartnerDetailJson : JsonSerializerContext;
