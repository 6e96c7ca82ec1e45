namespace Forebay.Control.Admin.Contract;

/// <summary>Body of <c>POST /v1/models/{id}/export</c>; every field is optional.</summary>
public sealed record ExportBody(
    IReadOnlyList<string>? Deny,
    IReadOnlyList<string>? Allow,
    IReadOnlyList<string>? DenyCountries,
    IReadOnlyList<string>? AllowCountries,
    IReadOnlyList<string>? DenySiteKinds,
    IReadOnlyList<string>? AllowSiteKinds);

/// <summary>What the admin API denies of a model.</summary>
public sealed record DeniedView(
    bool Everywhere,
    IReadOnlyList<string> Jurisdictions,
    IReadOnlyList<string> Countries,
    IReadOnlyList<string> SiteKinds);

/// <summary>What the fleet file says of where a model may run.</summary>
public sealed record ExportFileView(
    IReadOnlyList<string> DenyJurisdictions,
    IReadOnlyList<string> DenyCountries,
    IReadOnlyList<string> DenySiteKinds,
    IReadOnlyList<string>? OnlyJurisdictions,
    IReadOnlyList<string>? OnlyCountries,
    IReadOnlyList<string>? OnlySiteKinds);

/// <summary>A deployment of the model, and whether export rules let it serve. <c>DeniedBy</c> is file or api.</summary>
public sealed record ExportPlaceView(
    string Deployment,
    string Site,
    string Jurisdiction,
    string? Country,
    string SiteKind,
    bool Allowed,
    string? DeniedBy);

/// <summary>Answer of <c>GET</c> and <c>POST /v1/models/{id}/export</c>. <c>Unmatched</c> names what is denied and is
/// no site's today.</summary>
public sealed record ExportView(
    string Model,
    long Version,
    DateTimeOffset? Changed,
    string? Actor,
    DeniedView Denied,
    ExportFileView? File,
    IReadOnlyList<ExportPlaceView> Places,
    IReadOnlyList<string>? Unmatched);

/// <summary>Answer of <c>GET /v1/audit/residency</c>.</summary>
public sealed record ResidencyView(
    DateTimeOffset From,
    DateTimeOffset To,
    string? Tenant,
    bool Clean,
    bool Reconciles,
    long UsageRequests,
    long Proven,
    long Violating,
    long Unsent,
    long Unproven,
    long EarlierAttempts,
    IReadOnlyList<ResidencyTotalView> Totals,
    IReadOnlyList<ResidencyViolationView> Violations,
    IReadOnlyList<ResidencyGapView> Gaps);

/// <summary>Requests sent to places of one jurisdiction and kind under the same policies.</summary>
public sealed record ResidencyTotalView(
    string Tenant,
    string Model,
    string Policy,
    string Jurisdiction,
    string SiteKind,
    long Requests,
    long EarlierAttempts);

/// <summary>Requests sent where the rules recorded with them did not allow it.</summary>
public sealed record ResidencyViolationView(
    string Tenant,
    string Model,
    string Site,
    string Jurisdiction,
    string Country,
    string SiteKind,
    bool Earlier,
    long Requests,
    DateTimeOffset First,
    DateTimeOffset Last,
    string Context,
    IReadOnlyList<string> Broken);

/// <summary>Requests of which nothing can be shown.</summary>
public sealed record ResidencyGapView(
    string Tenant, string Model, string Why, long Requests, DateTimeOffset First, DateTimeOffset Last);
