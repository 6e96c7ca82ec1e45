using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Text;
using Forebay.Control.Audit;
using Forebay.Control.Batches;
using Forebay.Core.Batches;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Storage.Contents;
using Forebay.TestKit.Fleets;
using Forebay.TestKit.Memory;
using Forebay.TestKit.Time;
using Forebay.UnitTests.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Forebay.UnitTests.Control.Batches;

/// <summary>A desk over a real store and real contents. Its gateway is the test.</summary>
internal sealed class DeskRig : IAsyncDisposable
{
    public static readonly BatchCaller Acme = new("acme", "key_1");
    public static readonly BatchCaller Globex = new("globex", "key_2");

    /// <summary>Only there to end a broken test.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly TempFolder _folder = new();
    private OpenStore _store = null!;
    private ContentStore _contents = null!;

    public ManualTime Time { get; } = new();

    public FleetState Fleet { get; } = new();

    public MemoryAuditLog Audit { get; } = new();

    public ScriptedWire Wire { get; } = new();

    public IContentStore Contents => _contents;

    public IBatchStore Rows => _store.Store.Batches;

    public BatchDesk Desk { get; private set; } = null!;

    public static async Task<DeskRig> StartAsync(Func<FleetConfig, FleetConfig>? change = null)
    {
        var rig = new DeskRig();
        FleetConfig config = SmallFleet.Config;
        rig.Fleet.Model = FleetModel.Build(change?.Invoke(config) ?? config, FrozenDictionary<string, Uri>.Empty);
        await rig.OpenAsync();
        return rig;
    }

    /// <summary>Opens what lies on the disk, as a new process does.</summary>
    public async Task OpenAsync(Func<IContentStore, IContentStore>? wrap = null)
    {
        _store = await OpenStore.OpenAsync(_folder.Of("data"), Time);
        _contents = await ContentsOpening.OpenAsync(_store.Store, _store.Paths, null, CancellationToken.None);
        Desk = await BatchDesk.LoadAsync(
            new BatchDeskParts(
                Fleet, _store.Store.Batches, wrap?.Invoke(_contents) ?? _contents, Wire, new AuditedChange(
                    Audit, Time, NullLogger<AuditedChange>.Instance), Time, NullLogger.Instance),
            CancellationToken.None);
    }

    /// <summary>Ends the process in the middle of everything: what runs is never answered.</summary>
    public async Task DieAsync()
    {
        Wire.Die();
        await CloseAsync();
        Wire.Live();
    }

    public async Task<Batch> CreateAsync(params IEnumerable<string> names)
    {
        using IBatchDraft draft = await Desk.DraftAsync(
            new BatchAsk(Acme, BatchSurface.Messages, "/v1/messages"), CancellationToken.None);
        foreach (string name in names)
        {
            draft.Add(new BatchItem(name, "unknown-model", Encoding.UTF8.GetBytes("prompt of " + name)));
        }

        return await draft.CommitAsync(CancellationToken.None);
    }

    public async Task<StoredFile> UploadAsync(string text)
    {
        using IFileDraft draft = await Desk.DraftFileAsync(Acme, CancellationToken.None);
        draft.Append(Encoding.UTF8.GetBytes(text));
        return await draft.CommitAsync("in.jsonl", null, CancellationToken.None);
    }

    /// <summary>Lets the clock run until a batch is over.</summary>
    public async Task<Batch> EndedAsync(Batch batch)
    {
        Batch now = batch;
        await UntilAsync(async () => (now = await FindAsync(batch)).IsOver);
        return now;
    }

    public Task<Batch> FindAsync(Batch batch) =>
        Desk.FindAsync(new BatchCaller(batch.Tenant, ""), batch.Surface, batch.Id, CancellationToken.None);

    /// <summary>Lets the clock run until something holds.</summary>
    public async Task UntilAsync(Func<Task<bool>> condition)
    {
        long started = TimeProvider.System.GetTimestamp();
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(1), TimeProvider.System);
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(started) > Deadline)
            {
                throw new TimeoutException("It never came to hold.");
            }

            Time.Advance(TimeSpan.FromMilliseconds(100));
            await look.WaitForNextTickAsync();
        }
    }

    public Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    /// <summary>The results, by the item's name; fails where an item has two.</summary>
    public async Task<Dictionary<string, string>> ResultsAsync(Batch batch)
    {
        using IContentReader reader = await Desk.OpenResultsAsync(
            new BatchCaller(batch.Tenant, ""), batch.Id, CancellationToken.None);
        var lines = new Dictionary<string, string>();
        long position = 0;
        while (reader.TryRead(ref position, out FrameHead head, out byte[] content))
        {
            if (head.Kind == FrameKind.Settled)
            {
                string[] parts = Encoding.UTF8.GetString(content).Split(':');
                lines.Add(parts[0], parts[1]);
            }
        }

        return lines;
    }

    public async Task CloseAsync()
    {
        Task closing = Desk.DisposeAsync().AsTask();
        await UntilAsync(() => closing.IsCompleted);
        await closing;
        _contents.Dispose();
        await _store.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        _folder.Dispose();
    }
}

/// <summary>Answers items as a test says, and checks that no item runs twice at once.</summary>
internal sealed class ScriptedWire : IBatchWire, ISettledRequests
{
    private readonly ConcurrentDictionary<string, byte> _alive = new();
    private readonly ConcurrentQueue<BatchCall> _calls = new();
    private TaskCompletionSource _death = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _requests;

    /// <summary>What an item is answered with; null fails it for want of a place.</summary>
    public Func<BatchCall, Task<BatchAnswer>> Answer { get; set; } = call => Task.FromResult(Good(call));

    public IReadOnlyList<BatchCall> Calls => [.. _calls];

    /// <summary>Requests that were charged as completed.</summary>
    public ConcurrentDictionary<UInt128, byte> Completed { get; } = [];

    /// <summary>Charges by item, as the ledger would have them.</summary>
    public ConcurrentDictionary<string, int> Charges { get; } = [];

    public static BatchAnswer Good(BatchCall call) => new(
        ItemOutcome.Succeeded, Reason.None, Encoding.UTF8.GetBytes(call.Item.CustomId + ":ok"), new BatchTokens(3, 1, 2));

    public static BatchAnswer Bad(BatchCall call, Reason reason) => new(
        ItemOutcome.Errored, reason, Encoding.UTF8.GetBytes($"{call.Item.CustomId}:{reason}"), default);

    public void Die() => _death.TrySetResult();

    public void Live()
    {
        _alive.Clear();
        _death = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public UInt128 NewRequest(long nowUnixMs) => (UInt128)Interlocked.Increment(ref _requests);

    public bool TryReadLine(
        Batch batch, ReadOnlyMemory<byte> line, int number, out BatchItem item, out BatchProblem? problem)
    {
        string text = Encoding.UTF8.GetString(line.Span).Trim();
        problem = text.StartsWith('!') ? new BatchProblem("bad", "It is bad.", null, number) : null;
        item = new BatchItem(text, "unknown-model", line);
        return problem is null;
    }

    public byte[] LeftoverLine(Batch batch, int item, string customId, ItemOutcome outcome) =>
        Encoding.UTF8.GetBytes($"{customId}:{outcome}");

    public async Task<BatchAnswer> RunAsync(BatchCall call)
    {
        _calls.Enqueue(call);
        Assert(_alive.TryAdd(call.Item.CustomId, 0), $"{call.Item.CustomId} runs twice at once.");
        Assert(
            Encoding.UTF8.GetString(call.Item.Body.Span).Contains(call.Item.CustomId, StringComparison.Ordinal),
            "The body is another item's.");
        Task death = _death.Task;
        Task<BatchAnswer> answer = Answer(call);
        if (await Task.WhenAny(answer, death) == death)
        {
            // The process is gone: nothing that happens from here on is written.
            throw new IOException("The process died.");
        }

        _alive.TryRemove(call.Item.CustomId, out _);
        return await answer;
    }

    public Task<IReadOnlySet<UInt128>> CompletedAsync(
        IReadOnlySet<UInt128> requests, long sinceUnixMs, CancellationToken cancel) =>
        Task.FromResult<IReadOnlySet<UInt128>>(requests.Where(Completed.ContainsKey).ToHashSet());

    private static void Assert(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new InvalidOperationException(otherwise);
        }
    }
}
