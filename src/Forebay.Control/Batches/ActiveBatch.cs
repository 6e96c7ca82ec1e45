using Forebay.Core.Batches;

namespace Forebay.Control.Batches;

/// <summary>A batch that is not over, with its items and what is open of its contents.</summary>
internal sealed class ActiveBatch(Batch batch) : IDisposable
{
    private Batch _batch = batch;

    /// <summary>Guards the items and what is counted of them.</summary>
    public Lock Gate { get; } = new();

    /// <summary>The batch as it is stored.</summary>
    public Batch Batch => Volatile.Read(ref _batch);

    /// <summary>One at a time changes and stores the batch.</summary>
    public SemaphoreSlim Changing { get; } = new(1);

    /// <summary>Its items; null until its input was read.</summary>
    public OpenItems? Items { get; private set; }

    /// <summary>Its input is being read, or it is being finalized.</summary>
    public bool IsBusy { get; set; }

    /// <summary>Takes its items over.</summary>
    public void Take(OpenItems items) => Items = items;

    /// <summary>What is stored is what it is.</summary>
    public void Set(Batch batch) => Volatile.Write(ref _batch, batch);

    /// <summary>The batch with its counts as they are now.</summary>
    public Batch Live()
    {
        Batch batch = Batch;
        if (Items is not { } items || batch.IsOver)
        {
            return batch;
        }

        lock (Gate)
        {
            return batch with { Counts = items.Table.Counts, Tokens = items.Table.Tokens };
        }
    }

    /// <summary>Items that have not been answered.</summary>
    public int Queued
    {
        get
        {
            lock (Gate)
            {
                return Items is { } items ? items.Table.Count - items.Table.Counts.Settled : Batch.Total;
            }
        }
    }

    public void Dispose()
    {
        Items?.Dispose();
        Changing.Dispose();
    }
}
