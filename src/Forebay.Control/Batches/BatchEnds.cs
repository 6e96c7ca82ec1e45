using Forebay.Core.Batches;

namespace Forebay.Control.Batches;

/// <summary>
/// Puts the results of a batch together when all its items have their outcome. Whatever is done twice, because a
/// process died in between, comes out the same: files have names that follow from the batch's.
/// </summary>
internal sealed class BatchEnds(BatchDeskParts parts)
{
    private const int PieceBytes = 256 * 1024;
    private const long DayMs = 24 * 60 * 60 * 1000L;

    public async Task RunAsync(ActiveBatch active, Func<Func<Batch, Batch>, Task> change)
    {
        Batch batch = active.Batch;
        long now = parts.NowMs;
        if (batch.Surface == BatchSurface.Messages)
        {
            await change(b => BatchLifecycle.Finalized(
                b, null, null, active.Items?.Log.Bytes ?? 0, PurgeOf(b), now))
                .ConfigureAwait(false);
            return;
        }

        long expires = now + (batch.OutputSeconds * 1000 ?? (long)(parts.Config.FileDays * DayMs));
        StoredFile? output = await WriteAsync(batch, 'o', "output", succeeded: true, expires)
            .ConfigureAwait(false);
        StoredFile? errors = await WriteAsync(batch, 'e', "error", succeeded: false, expires)
            .ConfigureAwait(false);
        await change(b => BatchLifecycle.Finalized(b, output?.Id, errors?.Id, 0, PurgeOf(b), now))
            .ConfigureAwait(false);
    }

    /// <summary>Removes what nobody needs once a batch has ended: what its items were, and where results stand in
    /// files, its log. A start removes what is left of that when it fails.</summary>
    public static void Forget(BatchDeskParts parts, Batch batch)
    {
        parts.Contents.Delete(BatchDeskParts.ItemsOf(batch));
        if (batch.Surface == BatchSurface.OpenAi)
        {
            parts.Contents.Delete(BatchDeskParts.LogOf(batch));
        }
    }

    private long PurgeOf(Batch batch) => batch.CreatedUnixMs + (long)(parts.Config.ResultsDays * DayMs);

    private async Task<StoredFile?> WriteAsync(
        Batch batch, char suffix, string what, bool succeeded, long expiresMs)
    {
        int lines = succeeded ? batch.Counts.Succeeded : batch.Total - batch.Counts.Succeeded;
        if (lines == 0)
        {
            return null;
        }

        var file = new StoredFile(
            $"file-{batch.Id["batch_".Length..]}{suffix}", batch.Tenant, batch.Key, StoredFile.OutputPurpose,
            $"{batch.Id}_{what}.jsonl", 0, parts.NowMs, expiresMs);
        using IContentReader log = parts.Contents.Open(BatchDeskParts.LogOf(batch))
            ?? throw new InvalidDataException($"The results of {batch.Id} are missing.");
        using IContentWriter writer = parts.Contents.Create(BatchDeskParts.ContentOf(file));
        file = file with { Bytes = await Task.Run(() => Copy(log, writer, succeeded)).ConfigureAwait(false) };
        await Task.Run(writer.Commit).ConfigureAwait(false);
        await parts.Store.SaveFileAsync(file, CancellationToken.None).ConfigureAwait(false);
        return file;
    }

    private static long Copy(IContentReader log, IContentWriter to, bool succeeded)
    {
        using var piece = new MemoryStream();
        long bytes = 0;
        int pieces = 0;
        long position = 0;
        while (log.TryRead(ref position, out FrameHead head, out byte[] line))
        {
            if (head.Kind != FrameKind.Settled || succeeded != (head.Outcome == ItemOutcome.Succeeded))
            {
                continue;
            }

            piece.Write(line);
            piece.WriteByte((byte)'\n');
            bytes += line.Length + 1;
            if (piece.Length >= PieceBytes)
            {
                Write(piece, to, pieces++);
            }
        }

        Write(piece, to, pieces);
        return bytes;
    }

    private static void Write(MemoryStream piece, IContentWriter to, int number)
    {
        if (piece.Length > 0)
        {
            to.Append(
                new FrameHead(FrameKind.Content, number, 0, default, default, default),
                piece.GetBuffer().AsSpan(0, (int)piece.Length));
            piece.SetLength(0);
        }
    }
}
