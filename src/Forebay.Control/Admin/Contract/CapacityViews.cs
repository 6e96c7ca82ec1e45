namespace Forebay.Control.Admin.Contract;

/// <summary>What a file has to be sent with for onboarding.</summary>
/// <param name="File">The text of the onboarding file.</param>
/// <param name="Name">Its name, for messages.</param>
/// <param name="Contract">The contract's reference, where it is signed.</param>
public sealed record OnboardBody(string File, string Name, string? Contract);

public sealed record SignBody(string? Contract);

/// <summary>What came of onboarding.</summary>
/// <param name="Partner">The partner; absent where the file has problems.</param>
/// <param name="WaitsFor">What it waits for.</param>
/// <param name="Problems">What is wrong with the file.</param>
public sealed record OnboardView(
    PartnerView? Partner, string? WaitsFor, IReadOnlyList<FileProblemView> Problems);

public sealed record PartnerListView(IReadOnlyList<PartnerView> Partners);

/// <summary>A partner.</summary>
public sealed record PartnerView(
    string Id,
    string State,
    long Revision,
    string? Contract,
    string Commitment,
    IReadOnlyList<string> Pools,
    string WaitsFor,
    IReadOnlyList<AcceptanceView> Acceptances,
    DateTimeOffset? ShortSince,
    DateTimeOffset? CureUntil,
    bool CureMissed,
    IReadOnlyList<ReclaimView> Reclaims,
    IReadOnlyList<PartnerEventView>? History);

/// <summary>The last acceptance of a pool.</summary>
public sealed record AcceptanceView(
    string Pool,
    DateTimeOffset At,
    string Verdict,
    long Promised,
    long Accelerators,
    string CountedBy,
    long Usable,
    int Requests,
    int Failed,
    double OutputTokensPerSecond,
    double TimeToFirstTokenP50Ms,
    double TimeToFirstTokenP95Ms,
    IReadOnlyList<string> Findings,
    IReadOnlyList<string> Problems);

public sealed record ReclaimView(
    DateTimeOffset At,
    long? Quantity,
    DateTimeOffset Said,
    double NoticeShortByDays,
    string? Withdrawal,
    DateTimeOffset? Returned);

public sealed record PartnerEventView(long Revision, DateTimeOffset At, string Actor, string Event, string State);

/// <summary>Capacity at a time.</summary>
public sealed record CapacityView(DateTimeOffset At, long Version, IReadOnlyList<LaneView> Lanes);

/// <summary>One kind of capacity of one pool. <c>Used</c> is what requests made of a quota in the five minutes before,
/// per minute; left out where use is not measured.</summary>
public sealed record LaneView(
    string Pool,
    string Unit,
    string Owner,
    long Contracted,
    long Usable,
    long Available,
    long Leased,
    long Free,
    decimal? Used,
    DateTimeOffset? NextChange);

public sealed record LeaseListView(IReadOnlyList<LeaseView> Leases);

/// <summary>A lease at a time.</summary>
public sealed record LeaseView(
    string Id,
    string HolderKind,
    string Holder,
    string Pool,
    string Unit,
    long Holds,
    long Asked,
    DateTimeOffset From,
    DateTimeOffset? Until,
    bool Revocable,
    int Rank,
    long Generation);

/// <summary>US dollars, a range where the terms are one.</summary>
public sealed record UsdView(decimal Low, decimal High);

/// <summary>One hour of a commitment; quantities are means over the hour. <c>Leased</c> is what was held;
/// <c>Used</c> is measured for quotas, and what was held for all else.</summary>
public sealed record CapacityHourView(
    DateTimeOffset Hour,
    string Unit,
    decimal Contracted,
    decimal Usable,
    decimal Delivered,
    decimal Available,
    decimal Leased,
    decimal Used,
    UsdView Charge,
    UsdView Credit,
    UsdView Waste,
    IReadOnlyList<string> Breaches);

/// <summary>A commitment hour by hour with its sums.</summary>
public sealed record StatementView(
    string Commitment,
    DateTimeOffset From,
    DateTimeOffset To,
    IReadOnlyList<CapacityHourView> Hours,
    UsdView Charge,
    UsdView Credit,
    UsdView Waste,
    int HoursInBreach);

public sealed record EvidenceBody(string Commitment, DateTimeOffset From, DateTimeOffset To);

/// <summary>What evidence holds.</summary>
public sealed record EvidenceDocument(
    StatementView Statement, IReadOnlyList<AcceptanceView> Acceptances, IReadOnlyList<ReclaimView> Reclaims);

/// <summary>Evidence as text, with the hashes that stand in the audit log.</summary>
public sealed record EvidenceView(string Json, string JsonSha256, string Csv, string CsvSha256);

public sealed record ReconcileBody(string Invoice);

/// <summary>An invoice beside the record.</summary>
public sealed record ReconciliationView(int Lines, int Differences, IReadOnlyList<InvoiceLineView> Compared);

public sealed record InvoiceLineView(
    int Line,
    string Commitment,
    string Period,
    decimal BilledQuantity,
    decimal DeliveredQuantity,
    decimal BilledUsd,
    UsdView OwedUsd,
    string? Difference);
