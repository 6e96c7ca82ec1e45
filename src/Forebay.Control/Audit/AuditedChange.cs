using System.Text.Json;
using Forebay.Control.Errors;
using Forebay.Core.Audit;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.Audit;

/// <summary>What the audit log says about a change.</summary>
/// <param name="Actor">Who: see <see cref="AuditEntry.Actor"/>.</param>
/// <param name="Action">What: a verb on a noun, such as <c>key.create</c>.</param>
/// <param name="Subject">On what: an id or a path.</param>
/// <param name="DetailJson">The change as a JSON object, without secrets.</param>
public sealed record AuditNote(string Actor, string Action, string Subject, string DetailJson = "{}");

/// <summary>
/// Makes a change after it stands in the audit log, so that nothing takes effect unrecorded. A change that then fails
/// is followed by an entry <c>&lt;action&gt;.failed</c>.
/// </summary>
public sealed class AuditedChange(IAuditLog audit, TimeProvider time, ILogger<AuditedChange> logger)
{
    /// <summary>Records, then applies. Neither step takes a cancellation: a change is made whole or not at all.
    /// </summary>
    /// <exception cref="RefusedException">The audit log could not be written; nothing was changed.</exception>
    public async Task<T> RunAsync<T>(AuditNote note, Func<Task<T>> apply)
    {
        AuditEntry entry;
        try
        {
            entry = await AppendAsync(note).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            logger.AuditUnwritable(e, note.Action, note.Subject);
            throw new RefusedException(
                RefusalKind.Unavailable,
                "The audit log cannot be written, so nothing was changed. Check the data directory's disk and retry.",
                e);
        }

        logger.Audited(entry.Sequence, note.Action, note.Subject, note.Actor, entry.Hash);
        try
        {
            return await apply().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            await RecordFailureAsync(note, e).ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc cref="RunAsync{T}"/>
    public Task RunAsync(AuditNote note, Func<Task> apply) => RunAsync(note, async () =>
    {
        await apply().ConfigureAwait(false);
        return true;
    });

    private async Task RecordFailureAsync(AuditNote note, Exception failure)
    {
        string error = JsonEncodedText.Encode(failure.GetType().Name).ToString();
        AuditNote failed = note with { Action = note.Action + ".failed", DetailJson = $$"""{"error":"{{error}}"}""" };
        try
        {
            await AppendAsync(failed).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // The caller gets the failure of the change itself; that its record is missing too goes to the log.
            logger.AuditUnwritable(e, failed.Action, failed.Subject);
        }
    }

    private Task<AuditEntry> AppendAsync(AuditNote note) => audit.AppendAsync(
        time.GetUtcNow().ToUnixTimeMilliseconds(),
        note.Actor,
        note.Action,
        note.Subject,
        note.DetailJson,
        CancellationToken.None);
}
