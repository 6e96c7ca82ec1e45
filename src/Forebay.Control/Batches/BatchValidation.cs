using Forebay.Core.Batches;

namespace Forebay.Control.Batches;

/// <summary>
/// Reads the input file of a batch, line by line, and takes its items over; or finds everything that is wrong with it.
/// The items are the batch's own from then on, whatever becomes of the file.
/// </summary>
internal sealed class BatchValidation(BatchDeskParts parts, BatchQuotas quotas, IBatchWire wire)
{
    /// <summary>Most items of one batch.</summary>
    public const int MostItems = 50_000;

    private const int MostProblems = 100;
    private const int MostLineBytes = 64 * 1024 * 1024;

    private readonly List<BatchProblem> _problems = [];
    private readonly Dictionary<string, int> _names = new(StringComparer.Ordinal);
    private int _count;
    private string? _model;

    public async Task RunAsync(ActiveBatch active, Func<Func<Batch, Batch>, Task> change, CancellationToken cancel)
    {
        Batch batch = active.Batch;
        StoredFile? file = await parts.Store.FindFileAsync(batch.InputFile!, cancel).ConfigureAwait(false);
        using IContentReader? input = file is null ? null : parts.Contents.Open(BatchDeskParts.ContentOf(file));
        if (input is null)
        {
            _problems.Add(new BatchProblem(
                "input_file_missing", "The input file was deleted before it was read.", "input_file_id", null));
            await change(b => BatchLifecycle.Refused(b, _problems, parts.NowMs)).ConfigureAwait(false);
            return;
        }

        using IContentWriter writer = parts.Contents.Create(BatchDeskParts.ItemsOf(batch));
        await Task.Run(() => Read(batch, input, writer, cancel), cancel).ConfigureAwait(false);
        await CheckQuotasAsync(batch, writer.Bytes, cancel).ConfigureAwait(false);
        if (_count == 0 && _problems.Count == 0)
        {
            _problems.Add(new BatchProblem("empty_file", "The input file holds no requests.", null, null));
        }

        if (_problems.Count > 0)
        {
            await change(b => BatchLifecycle.Refused(b, _problems, parts.NowMs)).ConfigureAwait(false);
            return;
        }

        await Task.Run(writer.Commit, cancel).ConfigureAwait(false);
        await change(b => BatchLifecycle.Validated(b, _count, writer.Bytes, _model, parts.NowMs)).ConfigureAwait(false);
    }

    private void Read(Batch batch, IContentReader input, IContentWriter writer, CancellationToken cancel)
    {
        int number = 0;
        foreach (ReadOnlyMemory<byte> line in LinesOf(input))
        {
            cancel.ThrowIfCancellationRequested();
            number++;
            if (line.Span.Trim(" \t\r"u8).IsEmpty)
            {
                continue;
            }

            if (_count >= MostItems)
            {
                Add(new BatchProblem(
                    "too_many_requests", $"A batch holds at most {MostItems:N0} requests.", null, number));
                return;
            }

            if (Check(batch, line, number, out BatchItem item) && _problems.Count == 0)
            {
                writer.Append(
                    new FrameHead(FrameKind.Content, _count, 0, default, default, default), ItemFrame.Write(item));
            }

            _count++;
        }
    }

    private bool Check(Batch batch, ReadOnlyMemory<byte> line, int number, out BatchItem item)
    {
        if (!wire.TryReadLine(batch, line, number, out item, out BatchProblem? problem))
        {
            Add(problem!);
            return false;
        }

        if (!_names.TryAdd(item.CustomId, number))
        {
            Add(new BatchProblem(
                "duplicate_custom_id", $"This custom_id stands in line {_names[item.CustomId]} already.", "custom_id",
                number));
            return false;
        }

        if (_model is not null && _model != item.Model)
        {
            Add(new BatchProblem(
                "mismatched_model", $"All requests of a batch must be for one model; line 1 has '{_model}'.",
                "body.model", number));
            return false;
        }

        _model = item.Model;
        return true;
    }

    private async Task CheckQuotasAsync(Batch batch, long bytes, CancellationToken cancel)
    {
        try
        {
            quotas.CheckItems(batch.Tenant, _count);
            await quotas.CheckBytesAsync(batch.Tenant, bytes, cancel).ConfigureAwait(false);
        }
        catch (BatchRefusedException e)
        {
            Add(new BatchProblem("quota_exceeded", e.Message, null, null));
        }
    }

    private void Add(BatchProblem problem)
    {
        if (_problems.Count < MostProblems)
        {
            _problems.Add(problem);
        }
    }

    /// <summary>Lines of a content that comes in pieces. A line is valid until the next one is asked for.</summary>
    private static IEnumerable<ReadOnlyMemory<byte>> LinesOf(IContentReader input)
    {
        byte[] rest = [];
        long position = 0;
        while (input.TryRead(ref position, out _, out byte[] piece))
        {
            byte[] all = rest.Length == 0 ? piece : [.. rest, .. piece];
            int start = 0;
            int end;
            while ((end = Array.IndexOf(all, (byte)'\n', start)) >= 0)
            {
                yield return all.AsMemory(start, end - start);
                start = end + 1;
            }

            rest = all[start..];
            if (rest.Length > MostLineBytes)
            {
                yield return rest;
                yield break;
            }
        }

        if (rest.Length > 0)
        {
            yield return rest;
        }
    }
}
