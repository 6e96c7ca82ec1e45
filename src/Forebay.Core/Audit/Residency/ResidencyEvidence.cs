namespace Forebay.Core.Audit.Residency;

/// <summary>What the ledger's row of a place says of its requests. Of each request there is exactly one row that is not
/// <see cref="Earlier"/>.</summary>
public enum PlaceRole : byte
{
    /// <summary>The place they were sent to last, mostly the one that answered.</summary>
    Last,

    /// <summary>A place they were sent to before that, and that failed.</summary>
    Earlier,

    /// <summary>They were sent nowhere.</summary>
    Unsent,

    /// <summary>Nothing is recorded of where they were sent: the process died under them, or its program did not
    /// record it.</summary>
    Unknown,
}

/// <summary>The words under which roles are stored and shown.</summary>
public static class PlaceRoles
{
    public static string WordOf(PlaceRole role) => role switch
    {
        PlaceRole.Last => "last",
        PlaceRole.Earlier => "earlier",
        PlaceRole.Unsent => "unsent",
        PlaceRole.Unknown => "unknown",
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "A role without a word."),
    };

    /// <summary>What is not known counts as no evidence.</summary>
    public static PlaceRole Parse(string word) => word switch
    {
        "last" => PlaceRole.Last,
        "earlier" => PlaceRole.Earlier,
        "unsent" => PlaceRole.Unsent,
        _ => PlaceRole.Unknown,
    };
}

/// <summary>Which requests to prove. Times are UTC, the end exclusive.</summary>
public sealed record ResidencyQuery(DateTimeOffset From, DateTimeOffset To, string? Tenant = null);

/// <summary>Requests that were sent to one place under one set of rules.</summary>
/// <param name="Tenant">Who asked.</param>
/// <param name="Model">For what.</param>
/// <param name="Role">What the row says of them.</param>
/// <param name="ContextHash">The name of the rules; 0 for none.</param>
/// <param name="Content">The rules in full; null where they are not recorded.</param>
/// <param name="Site">The site.</param>
/// <param name="Jurisdiction">Its jurisdiction then.</param>
/// <param name="Country">Its country then; empty where none was told.</param>
/// <param name="SiteKind">The word for its kind then.</param>
/// <param name="Requests">How many.</param>
/// <param name="First">The first minute of acceptance.</param>
/// <param name="Last">The last minute of acceptance.</param>
public sealed record PlaceEvidence(
    string Tenant,
    string Model,
    PlaceRole Role,
    UInt128 ContextHash,
    string? Content,
    string Site,
    string Jurisdiction,
    string Country,
    string SiteKind,
    long Requests,
    DateTimeOffset First,
    DateTimeOffset Last);

/// <summary>What the ledger has of a period, read at one moment.</summary>
/// <param name="From">Start, to the minute.</param>
/// <param name="To">End, exclusive, to the minute.</param>
/// <param name="Places">Where requests were sent.</param>
/// <param name="UsageRequests">How many requests the usage ledger counts in the period.</param>
public sealed record ResidencyEvidence(
    DateTimeOffset From, DateTimeOffset To, IReadOnlyList<PlaceEvidence> Places, long UsageRequests);

/// <summary>The record of where requests were sent.</summary>
public interface IResidencyLedger
{
    /// <summary>Reads a period after folding everything settled so far.</summary>
    Task<ResidencyEvidence> ReadPlacesAsync(ResidencyQuery query, CancellationToken cancel);
}
