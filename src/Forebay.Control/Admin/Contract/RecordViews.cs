using Forebay.Core.Limits;

namespace Forebay.Control.Admin.Contract;

/// <summary>Answer of <c>GET /v1/usage</c>. Money is in millionths of a US dollar.</summary>
public sealed record UsageView(
    DateTimeOffset From,
    DateTimeOffset To,
    IReadOnlyList<string> GroupBy,
    IReadOnlyList<UsageRowView> Rows);

/// <summary>One group; <c>Group</c> has a value for each dimension asked. Times are means in milliseconds.</summary>
public sealed record UsageRowView(
    IReadOnlyDictionary<string, string> Group,
    long Requests,
    long FailedRequests,
    long InputTokens,
    long CacheReadTokens,
    long CacheWriteTokens,
    long OutputTokens,
    long ProviderCostMicros,
    long CustomerPriceMicros,
    double MeanTimeToFirstTokenMs,
    double MeanTotalMs);

/// <summary>Answer of <c>GET /v1/tenants/ID/limits/history</c>: the last change first.</summary>
public sealed record LimitHistoryView(string Tenant, IReadOnlyList<LimitChange> Changes);

/// <summary>An audit entry exactly as hashed; <c>DetailJson</c> is the text, so that the chain can be recomputed.
/// </summary>
public sealed record AuditEntryView(
    long Sequence,
    DateTimeOffset At,
    string Actor,
    string Action,
    string Subject,
    string DetailJson,
    string PreviousHash,
    string Hash);

/// <summary>Answer of <c>GET /v1/audit</c>; ask again with <c>after=NextAfter</c> until the list is empty.</summary>
public sealed record AuditListView(IReadOnlyList<AuditEntryView> Entries, long NextAfter);

/// <summary>Answer of <c>GET /v1/audit/verify</c>.</summary>
public sealed record AuditVerifyView(bool Intact, long? FirstBreak);

/// <summary>One row of the reason table.</summary>
public sealed record ReasonView(
    string Reason,
    int AnthropicStatus,
    string AnthropicType,
    int OpenaiStatus,
    string OpenaiType,
    string? OpenaiCode,
    string Severity,
    bool? ShouldRetry);

/// <summary>Answer of <c>GET /v1/errors</c>.</summary>
public sealed record ReasonListView(IReadOnlyList<ReasonView> Reasons);

/// <summary>An error, as RFC 9457 says.</summary>
public sealed record ProblemView(
    string Type,
    string Title,
    int Status,
    string Detail,
    string RequestId,
    IReadOnlyList<FieldProblemView>? Errors);

/// <summary>One wrong field of a request.</summary>
public sealed record FieldProblemView(string Field, string Message, string Fix);
