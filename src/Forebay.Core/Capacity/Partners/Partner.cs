using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Forebay.Core.Capacity.Partners;

/// <summary>Where a partner stands. The words are stored: append only.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PartnerState>))]
public enum PartnerState : byte
{
    /// <summary>An offer was read; nothing is agreed.</summary>
    [JsonStringEnumMemberName("offer")]
    Offer,

    /// <summary>The contract is signed.</summary>
    [JsonStringEnumMemberName("signed")]
    Signed,

    /// <summary>Every endpoint answers.</summary>
    [JsonStringEnumMemberName("connected")]
    Connected,

    /// <summary>An acceptance runs, or found nothing that counts.</summary>
    [JsonStringEnumMemberName("acceptance")]
    Acceptance,

    /// <summary>What was accepted counts; the full quantity is not there yet.</summary>
    [JsonStringEnumMemberName("ramping")]
    Ramping,

    /// <summary>The full quantity was accepted.</summary>
    [JsonStringEnumMemberName("in_service")]
    InService,

    /// <summary>It is emptied; nothing new goes there.</summary>
    [JsonStringEnumMemberName("draining")]
    Draining,

    /// <summary>It is out of the fleet. Its record stays.</summary>
    [JsonStringEnumMemberName("exited")]
    Exited,
}

/// <summary>A provider's word that it takes capacity back.</summary>
/// <param name="AtUnixMs">From when.</param>
/// <param name="Quantity">Of each pool, how much; null for all.</param>
/// <param name="SaidUnixMs">When it was said.</param>
/// <param name="ShortByDays">By how many days the notice is shorter than the contract's; 0 for none.</param>
public sealed record ReclaimNotice(long AtUnixMs, long? Quantity, long SaidUnixMs, double ShortByDays)
{
    /// <summary>The withdrawal that carries it out; null for one that was put on record alone.</summary>
    public string? Withdrawal { get; init; }

    /// <summary>When the provider gave it back, or took the notice back; null while it stands.</summary>
    public long? ReturnedUnixMs { get; init; }
}

/// <summary>What an acceptance made count from a time on: the past keeps the share it had.</summary>
/// <param name="Pool">The pool.</param>
/// <param name="FromUnixMs">Since when.</param>
/// <param name="Usable">How much counts.</param>
/// <param name="Promised">Of how much.</param>
public sealed record AcceptedShare(string Pool, long FromUnixMs, long Usable, long Promised);

/// <summary>A partner with all that happened to it. Immutable; each change makes the next revision.</summary>
public sealed record Partner
{
    public required string Id { get; init; }

    /// <summary>1 for the offer; each change adds one.</summary>
    public required long Revision { get; init; }

    public required PartnerState State { get; init; }

    public required OnboardingConfig Offer { get; init; }

    /// <summary>The contract's reference: what was signed.</summary>
    public string? Contract { get; init; }

    /// <summary>The last acceptance of each pool.</summary>
    public ImmutableArray<AcceptanceReport> Acceptances { get; init; } = [];

    /// <summary>What counted when.</summary>
    public ImmutableArray<AcceptedShare> Shares { get; init; } = [];

    /// <summary>When the shortfall now open was found; null for none.</summary>
    public long? ShortSinceUnixMs { get; init; }

    /// <summary>Until when it may be made up; null where the contract does not say.</summary>
    public long? CureUntilUnixMs { get; init; }

    /// <summary>The time for a cure ran out, and that is on record.</summary>
    public bool CureMissed { get; init; }

    public ImmutableArray<ReclaimNotice> Reclaims { get; init; } = [];

    public long? DrainedSinceUnixMs { get; init; }

    public long? ExitedUnixMs { get; init; }

    /// <summary>Whether its objects are part of the fleet.</summary>
    public bool InFleet => State is PartnerState.Ramping or PartnerState.InService or PartnerState.Draining;

    /// <summary>Who manages its objects.</summary>
    public string Owner => OwnerOf(Id);

    public static string OwnerOf(string id) => "partner/" + id;

    public string ToJson() => JsonSerializer.Serialize(this, PartnerJson.Default.Partner);

    /// <exception cref="JsonException">This is no partner.</exception>
    public static Partner Parse(string json) => JsonSerializer.Deserialize(json, PartnerJson.Default.Partner)
        ?? throw new JsonException("The record of a partner is null.");
}

/// <summary>The stored form of partners.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Partner))]
internal sealed partial class PartnerJson : JsonSerializerContext;
