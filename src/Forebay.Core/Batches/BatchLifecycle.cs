namespace Forebay.Core.Batches;

/// <summary>
/// How a batch goes from phase to phase. Pure: each step takes the batch and the time and gives the next one, or the
/// same where there is nothing to do. What cannot be is an exception: an invariant is broken.
/// </summary>
/// <remarks>
/// <code>
/// Validating -> Failed | Running | Cancelling | Expiring
/// Running    -> Cancelling | Expiring | Finalizing
/// Cancelling -> Finalizing        Expiring -> Finalizing        Finalizing -> Ended
/// </code>
/// </remarks>
public static class BatchLifecycle
{
    /// <summary>A batch ends what it can within this.</summary>
    public const long WindowMs = 24 * 60 * 60 * 1000L;

    /// <summary>One that failed is told of for so long.</summary>
    private const long FailedMs = 29 * WindowMs;

    /// <summary>Its input was read and is good.</summary>
    public static Batch Validated(Batch batch, int total, long bytes, string? model, long nowMs) =>
        batch.Phase != BatchPhase.Validating
            ? batch
            : batch with
            {
                Phase = BatchPhase.Running, RunningUnixMs = nowMs, Total = total, Bytes = bytes, Model = model,
            };

    /// <summary>Its input was read and is not good.</summary>
    public static Batch Refused(Batch batch, IReadOnlyList<BatchProblem> problems, long nowMs) =>
        batch.Phase != BatchPhase.Validating
            ? batch
            : batch with
            {
                Phase = BatchPhase.Failed, EndedUnixMs = nowMs, PurgeUnixMs = nowMs + FailedMs, Problems = problems,
            };

    /// <summary>Somebody asked for its end. Changes nothing of one that is past cancelling.</summary>
    public static Batch Cancel(Batch batch, long nowMs) =>
        batch.Phase is BatchPhase.Validating or BatchPhase.Running
            ? batch with { Phase = BatchPhase.Cancelling, CancelUnixMs = nowMs }
            : batch;

    /// <summary>Time passed.</summary>
    public static Batch Tick(Batch batch, long nowMs) =>
        nowMs >= batch.ExpiresUnixMs && batch.Phase is (BatchPhase.Validating or BatchPhase.Running)
            ? batch with { Phase = BatchPhase.Expiring }
            : batch;

    /// <summary>What becomes of an item that has not been started; null while it may be.</summary>
    public static ItemOutcome? Leftover(Batch batch) => batch.Phase switch
    {
        BatchPhase.Cancelling => ItemOutcome.Cancelled,
        BatchPhase.Expiring => ItemOutcome.Expired,
        _ => null,
    };

    /// <summary>Every item has its outcome.</summary>
    /// <exception cref="InvalidOperationException">They do not add up.</exception>
    public static Batch Settled(Batch batch, BatchCounts counts, BatchTokens tokens, long nowMs)
    {
        if (batch.Phase is not (BatchPhase.Running or BatchPhase.Cancelling or BatchPhase.Expiring))
        {
            return batch;
        }

        if (counts.Settled != batch.Total)
        {
            throw new InvalidOperationException(
                $"Batch {batch.Id} has {batch.Total} items and outcomes of {counts.Settled}.");
        }

        return batch with
        {
            Phase = BatchPhase.Finalizing,
            FinalizingUnixMs = nowMs,
            Counts = counts,
            Tokens = tokens,
            End = batch.Phase switch
            {
                BatchPhase.Cancelling => BatchEnd.Cancelled,
                BatchPhase.Expiring => BatchEnd.Expired,
                _ => BatchEnd.Completed,
            },
        };
    }

    /// <summary>What was stored of it is gone or damaged: nothing of it can be answered any more.</summary>
    public static Batch Lost(Batch batch, BatchProblem problem, long nowMs) => batch.IsOver
        ? batch
        : batch with
        {
            Phase = BatchPhase.Failed, EndedUnixMs = nowMs, PurgeUnixMs = nowMs + FailedMs, Problems = [problem],
            Counts = new BatchCounts(0, batch.Total, 0, 0), Bytes = 0,
        };

    /// <summary>Its results can be had.</summary>
    public static Batch Finalized(
        Batch batch, string? outputFile, string? errorFile, long bytes, long? purgeMs, long nowMs) =>
        batch.Phase != BatchPhase.Finalizing
            ? batch
            : batch with
            {
                Phase = BatchPhase.Ended, EndedUnixMs = nowMs, OutputFile = outputFile, ErrorFile = errorFile,
                Bytes = bytes, PurgeUnixMs = purgeMs,
            };
}
