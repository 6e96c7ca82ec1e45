using Forebay.Core.Batches;

namespace Forebay.Control.Batches;

/// <summary>The items of a batch at work: where each stands, where it lies, and the log of what happens to it.
/// </summary>
internal sealed class OpenItems : IDisposable
{
    private readonly IContentReader _reader;
    private readonly long[] _positions;

    private OpenItems(IContentReader reader, long[] positions, ItemTable table, IContentLog log)
    {
        _reader = reader;
        _positions = positions;
        Table = table;
        Log = log;
    }

    public ItemTable Table { get; }

    public IContentLog Log { get; }

    /// <summary>Items of which an answer was charged and lost: they are run again and not charged again.</summary>
    public HashSet<int> Prepaid { get; } = [];

    /// <summary>How often items failed for a reason that may pass.</summary>
    public Dictionary<int, int> Failures { get; } = [];

    /// <summary>
    /// Opens the items of a batch, and takes up again where its log ends. O(n), and reads all of both.
    /// </summary>
    /// <param name="parts">Shared parts.</param>
    /// <param name="batch">Whose.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="InvalidDataException">Contents are missing or damaged.</exception>
    /// <exception cref="IOException">The disk refused.</exception>
    public static async Task<OpenItems> LoadAsync(BatchDeskParts parts, Batch batch, CancellationToken cancel)
    {
        IContentReader reader = parts.Contents.Open(BatchDeskParts.ItemsOf(batch))
            ?? throw new InvalidDataException($"The stored items of {batch.Id} are missing.");
        IContentLog? log = null;
        try
        {
            (long[] positions, ItemTable table) = ReadItems(reader, batch);
            var runs = new Dictionary<int, List<UInt128>>();
            log = parts.Contents.OpenLog(BatchDeskParts.LogOf(batch), head => Restore(table, runs, head));
            var items = new OpenItems(reader, positions, table, log);
            await items.ReturnRunsAsync(parts, batch, runs, cancel).ConfigureAwait(false);
            table.Check();
            return items;
        }
        catch
        {
            log?.Dispose();
            reader.Dispose();
            throw;
        }
    }

    /// <summary>Reads an item. Blocks on the disk.</summary>
    public BatchItem Read(int item)
    {
        long position = _positions[item];
        return _reader.TryRead(ref position, out _, out byte[] frame)
            ? ItemFrame.Read(frame)
            : throw new InvalidDataException($"The stored items end before item {item}.");
    }

    public void Dispose()
    {
        _reader.Dispose();
        Log.Dispose();
    }

    private static (long[] Positions, ItemTable Table) ReadItems(IContentReader reader, Batch batch)
    {
        var positions = new long[batch.Total];
        var models = new int[batch.Total];
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        var names = new List<string>();
        long position = 0;
        for (int item = 0; item < batch.Total; item++)
        {
            positions[item] = position;
            if (!reader.TryRead(ref position, out _, out byte[] frame))
            {
                throw new InvalidDataException($"The stored items of {batch.Id} end before item {item}.");
            }

            string model = ItemFrame.Read(frame).Model;
            if (!numbers.TryGetValue(model, out models[item]))
            {
                numbers.Add(model, models[item] = names.Count);
                names.Add(model);
            }
        }

        return (positions, new ItemTable(models, names));
    }

    private static void Restore(ItemTable table, Dictionary<int, List<UInt128>> runs, FrameHead head)
    {
        if (head.Kind == FrameKind.Started)
        {
            table.Restore(head.Item, head.Attempt, head.Request);
            if (!runs.TryGetValue(head.Item, out List<UInt128>? requests))
            {
                runs.Add(head.Item, requests = []);
            }

            requests.Add(head.Request);
        }
        else if (table.PhaseOf(head.Item) == ItemPhase.Running)
        {
            table.Settle(head.Item, head.Outcome, head.Tokens);
            runs.Remove(head.Item);
        }
        else
        {
            // One that was never answered, or whose start lies in damaged bytes.
            table.Drop(head.Item, head.Outcome);
            runs.Remove(head.Item);
        }
    }

    /// <summary>What ran when the process before died runs no more: it waits again. What of it had been answered and
    /// charged, before the answer was stored, is not charged again.</summary>
    private async Task ReturnRunsAsync(
        BatchDeskParts parts, Batch batch, Dictionary<int, List<UInt128>> runs, CancellationToken cancel)
    {
        IReadOnlySet<UInt128> completed = await parts.Settled.CompletedAsync(
            runs.SelectMany(r => r.Value).ToHashSet(), batch.CreatedUnixMs, cancel).ConfigureAwait(false);
        foreach ((int item, List<UInt128> requests) in runs)
        {
            if (requests.Exists(completed.Contains))
            {
                Prepaid.Add(item);
            }
        }

        foreach (int item in Table.Runs.ToArray())
        {
            Table.Return(item, 0);
        }
    }
}
