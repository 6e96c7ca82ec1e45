namespace Forebay.Core.Audit;

/// <summary>
/// One administrative change. Each entry's hash covers the one before it, so that a removed or altered entry shows.
/// </summary>
/// <param name="Sequence">1, 2, 3...</param>
/// <param name="AtUnixMs">Wall time.</param>
/// <param name="Actor">Who: an admin token's id and name, or <c>file</c> or <c>startup</c>.</param>
/// <param name="Action">What: a verb on a noun, such as <c>key.create</c>.</param>
/// <param name="Subject">On what: an id.</param>
/// <param name="DetailJson">The change as JSON, without secrets.</param>
/// <param name="PreviousHash">Hash of the entry before, 64 hex digits; zeros for the first.</param>
/// <param name="Hash">Hash of this entry, 64 hex digits.</param>
public sealed record AuditEntry(
    long Sequence,
    long AtUnixMs,
    string Actor,
    string Action,
    string Subject,
    string DetailJson,
    string PreviousHash,
    string Hash);

/// <summary>The hash-chained log of administrative changes.</summary>
public interface IAuditLog
{
    /// <summary>Appends an entry; the change it tells of must not take effect unless this returns.</summary>
    Task<AuditEntry> AppendAsync(
        long atUnixMs,
        string actor,
        string action,
        string subject,
        string detailJson,
        CancellationToken cancel);

    /// <summary>Entries after a sequence number, oldest first.</summary>
    Task<IReadOnlyList<AuditEntry>> ReadAsync(long afterSequence, int limit, CancellationToken cancel);

    /// <summary>Recomputes the whole chain; the first sequence number that does not fit, or null.</summary>
    Task<long?> VerifyAsync(CancellationToken cancel);
}
