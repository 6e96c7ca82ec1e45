using System.Text.Json.Serialization;

namespace Forebay.Control.Access;

/// <summary>What the audit log keeps of a key.</summary>
internal sealed record KeyDetail(
    string Id,
    string Tenant,
    string Name,
    string Hint,
    IReadOnlyList<string>? Models,
    long? ExpiresUnixMs,
    string? DataClass,
    string? Replaces,
    long? ReplacedExpiresUnixMs);

/// <summary>What the audit log keeps of an admin token.</summary>
internal sealed record TokenDetail(string Id, string Name, string Role, string Hint, long? ExpiresUnixMs);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(KeyDetail))]
[JsonSerializable(typeof(TokenDetail))]
internal sealed partial class AccessJson : JsonSerializerContext;
