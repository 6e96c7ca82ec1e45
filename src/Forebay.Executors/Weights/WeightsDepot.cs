using Forebay.Core.Capacity.Transfers;
using Microsoft.Extensions.Logging;

namespace Forebay.Executors.Weights;

/// <summary>
/// Weights on the disks of this machine, one folder per site, each file named by its content. Fetches what is wanted,
/// one transfer per file and site; evicts what nobody has used for longest when it would not fit.
/// </summary>
public sealed partial class WeightsDepot : IWeights, IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<TransferKey, Entry> _entries = [];
    private readonly Dictionary<string, SiteLink> _links = new(StringComparer.Ordinal);
    private readonly TransferRunServices _services;
    private readonly WeightsOptions _options;
    private readonly ITransferStore _store;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly HttpMessageInvoker _http;
    private bool _closed;

    private WeightsDepot(
        WeightsOptions options, ITransferStore store, TimeProvider time, Func<double> jitter, ILogger logger)
    {
        _options = options;
        _store = store;
        _time = time;
        _logger = logger;
        _http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = true, ConnectTimeout = TimeSpan.FromSeconds(10), UseCookies = false,
        });
        _services = new TransferRunServices(options, store, _http, time, jitter);
    }

    /// <summary>Opens the folder: what was fetched before is known again, what nothing is known of is removed.
    /// </summary>
    public static async Task<WeightsDepot> OpenAsync(
        WeightsOptions options,
        ITransferStore store,
        TimeProvider time,
        Func<double> jitter,
        ILogger logger,
        CancellationToken cancel)
    {
        PrivateFolder.Create(options.Folder);
        var depot = new WeightsDepot(options, store, time, jitter, logger);
        foreach (StoredTransfer stored in await store.ListTransfersAsync(cancel).ConfigureAwait(false))
        {
            TransferProgress progress = stored.Progress;
            string path = depot.PathOf(stored.Spec.Key);
            if (progress.Phase == TransferPhase.Done
                && (!File.Exists(path) || new FileInfo(path).Length != stored.Spec.File.SizeBytes))
            {
                progress = progress.Lost(stored.Spec.File, depot.Now);
            }

            depot._entries.Add(stored.Spec.Key, new Entry(stored.Spec, progress, stored.UsedUnixMs));
        }

        depot.RemoveUnknown();
        return depot;
    }

    public void Want(IReadOnlyCollection<TransferSpec> wanted, IReadOnlySet<TransferKey> again)
    {
        lock (_lock)
        {
            long now = Now;
            foreach (Entry entry in _entries.Values)
            {
                entry.Wanted = false;
            }

            foreach (TransferSpec spec in wanted)
            {
                if (!_entries.TryGetValue(spec.Key, out Entry? entry))
                {
                    entry = new Entry(spec, TransferProgress.Begin(spec.File, now), now);
                    _entries.Add(spec.Key, entry);
                }

                entry.Wanted = true;
                entry.UsedUnixMs = now;
                if (entry.Run is null && entry.Progress.Phase == TransferPhase.Failed && again.Contains(spec.Key))
                {
                    // Another source or another price may have been given since.
                    entry.Spec = spec;
                    entry.Progress = entry.Progress.Again(spec.File, now);
                }
            }

            foreach (Entry entry in _entries.Values)
            {
                if (!entry.Wanted && entry.Run is not null)
                {
                    entry.Cancel.Cancel();
                }
            }

            StartWhatMay();
        }
    }

    public TransferView? Find(TransferKey key)
    {
        lock (_lock)
        {
            return _entries.TryGetValue(key, out Entry? entry) ? ViewOf(entry) : null;
        }
    }

    public IReadOnlyList<TransferView> List()
    {
        lock (_lock)
        {
            return [.. _entries.Values.Select(ViewOf)];
        }
    }

    public string LayOut(string owner, string site, IReadOnlyCollection<(string Path, string Sha256)> files)
    {
        string folder = Path.Combine(_options.Folder, site, "for", owner);
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        PrivateFolder.Create(folder);
        foreach ((string path, string sha256) in files)
        {
            string target = PathOf(new TransferKey(site, sha256));
            if (!File.Exists(target))
            {
                throw new FileNotFoundException($"The weights {sha256} are not at {site}.", target);
            }

            string at = Path.Combine(folder, path);
            Directory.CreateDirectory(Path.GetDirectoryName(at)!);
            File.CreateSymbolicLink(at, target);
        }

        return folder;
    }

    public async ValueTask DisposeAsync()
    {
        Task[] running;
        lock (_lock)
        {
            _closed = true;
            running = [.. _entries.Values.Where(e => e.Run is not null).Select(e => e.Running)];
            foreach (Entry entry in _entries.Values)
            {
                entry.Cancel.Cancel();
            }
        }

        await Task.WhenAll(running).ConfigureAwait(false);
        _http.Dispose();
        foreach (Entry entry in _entries.Values)
        {
            entry.Cancel.Dispose();
        }
    }

    private long Now => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private string PathOf(TransferKey key) => Path.Combine(_options.Folder, key.Site, key.Sha256);

    /// <summary>Starts wanted transfers, the earliest wanted first, while their sites have room for more at once.
    /// </summary>
    private void StartWhatMay()
    {
        foreach (Entry entry in _entries.Values)
        {
            if (_closed || !entry.Wanted || entry.Run is not null || entry.Progress.IsOver)
            {
                continue;
            }

            string site = entry.Spec.Route.Site;
            if (_entries.Values.Count(e => e.Run is not null && e.Spec.Route.Site == site) < _options.TransfersPerSite
                && MakeRoom(entry))
            {
                Start(entry);
            }
        }
    }

    private bool MakeRoom(Entry entry)
    {
        string site = entry.Spec.Route.Site;
        CachedWeights[] others =
        [
            .. _entries.Values
                .Where(e => e != entry && e.Spec.Route.Site == site && e.TakesRoom)
                .Select(e => new CachedWeights(
                    e.Spec.File.Sha256, e.Spec.File.SizeBytes, e.UsedUnixMs, e.Wanted || e.Run is not null)),
        ];
        EvictionPlan plan = WeightsCache.MakeRoom(others, entry.Spec.File.SizeBytes, _options.CapacityBytes);
        if (plan.Problem is { } problem)
        {
            // What runs and nobody wants is about to end, and may be evicted then.
            bool soon = _entries.Values.Any(e => e.Spec.Route.Site == site && e is { Wanted: false, Run: not null });
            entry.Progress = soon ? entry.Progress : entry.Progress.GiveUp(problem);
            return false;
        }

        foreach (string sha256 in plan.Evict)
        {
            var key = new TransferKey(site, sha256);
            Evicted(_logger, sha256, site);
            File.Delete(PathOf(key));
            File.Delete(PathOf(key) + ".part");
            _entries.Remove(key);
            _ = ForgetAsync(key);
        }

        return true;
    }

    private void Start(Entry entry)
    {
        string site = entry.Spec.Route.Site;
        PrivateFolder.Create(Path.Combine(_options.Folder, site));
        if (!_links.TryGetValue(site, out SiteLink? link))
        {
            _links.Add(site, link = new SiteLink(site, _options, _time));
        }

        entry.Cancel.Dispose();
        entry.Cancel = new CancellationTokenSource();
        entry.StartedBytes = entry.Progress.SentBytes;
        entry.StartedUnixMs = Now;
        entry.Run = new TransferRun(entry.Spec, entry.Progress, PathOf(entry.Spec.Key), link, _services);
        entry.Running = Task.Run(() => RunAsync(entry, entry.Run, entry.Cancel.Token));
    }

    /// <summary>Never throws: nobody waits for it but the end.</summary>
    private async Task RunAsync(Entry entry, TransferRun run, CancellationToken cancel)
    {
        string? broken = null;
        try
        {
            await run.RunAsync(cancel).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Wanted no more, or the process ends: what is there is gone on with when it is wanted again.
        }
        catch (Exception e)
        {
            broken = $"The weights cannot be kept in {_options.Folder}: {e.Message} Free space there, or make it "
                + "writable.";
        }

        lock (_lock)
        {
            entry.Progress = broken is null ? run.Progress : run.Progress.GiveUp(broken);
            entry.Run = null;
            if (entry.Progress.IsOver)
            {
                Log(entry);
            }

            StartWhatMay();
        }
    }

    private void Log(Entry entry)
    {
        TransferProgress p = entry.Progress;
        if (p.Phase == TransferPhase.Failed)
        {
            TransferFailed(_logger, entry.Spec.File.Sha256, entry.Spec.Route.Site, p.Reason ?? "");
        }
        else
        {
            TransferDone(_logger, entry.Spec.File.Sha256, entry.Spec.Route.Site, p.SentBytes, p.Cuts, p.BadParts);
        }
    }

    private async Task ForgetAsync(TransferKey key)
    {
        try
        {
            await _store.RemoveTransferAsync(key, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // The next start finds the file gone and fetches it anew when it is wanted.
            NotForgotten(_logger, key.Sha256, e);
        }
    }

    private TransferView ViewOf(Entry entry)
    {
        TransferProgress progress = entry.Run?.Progress ?? entry.Progress;
        WeightsFile file = entry.Spec.File;
        long now = Now;
        double seconds = (now - entry.StartedUnixMs) / 1000.0;
        double rate = entry.Run is null || seconds <= 0 ? 0 : (progress.SentBytes - entry.StartedBytes) / seconds;
        string site = entry.Spec.Route.Site;
        long? done = progress.Phase switch
        {
            TransferPhase.Done or TransferPhase.Failed => null,
            _ => TransferEstimate.Of(
                file.SizeBytes - Math.Max(progress.VerifiedBytes(file), entry.Run?.OnDiskBytes ?? 0),
                _options.LinkOf(site),
                _options.Share,
                now,
                entry.Spec.Route.EgressUsdPerGb,
                _options.TrafficOf(site),
                Math.Max(1, _entries.Values.Count(e => e.Run is not null && e.Spec.Route.Site == site))).DoneUnixMs,
        };
        return new TransferView(
            entry.Spec, progress, rate, done, progress.Phase == TransferPhase.Done ? PathOf(entry.Spec.Key) : null);
    }

    private void RemoveUnknown()
    {
        foreach (string site in Directory.EnumerateDirectories(_options.Folder))
        {
            foreach (string path in Directory.EnumerateFiles(site))
            {
                string sha256 = Path.GetFileNameWithoutExtension(path);
                if (!_entries.ContainsKey(new TransferKey(Path.GetFileName(site), sha256)))
                {
                    File.Delete(path);
                }
            }
        }
    }

    [LoggerMessage(3200, LogLevel.Information, "The weights {Sha256} were evicted at {Site} to make room.")]
    private static partial void Evicted(ILogger logger, string sha256, string site);

    [LoggerMessage(3201, LogLevel.Information,
        "The weights {Sha256} are at {Site}: {SentBytes} bytes sent, {Cuts} cuts, {BadParts} parts fetched again.")]
    private static partial void TransferDone(
        ILogger logger, string sha256, string site, long sentBytes, int cuts, int badParts);

    [LoggerMessage(3202, LogLevel.Error, "The weights {Sha256} could not be brought to {Site}: {Reason}")]
    private static partial void TransferFailed(ILogger logger, string sha256, string site, string reason);

    [LoggerMessage(3203, LogLevel.Warning, "The record of the evicted weights {Sha256} could not be removed.")]
    private static partial void NotForgotten(ILogger logger, string sha256, Exception exception);

    /// <summary>A file known at a site.</summary>
    private sealed class Entry(TransferSpec spec, TransferProgress progress, long usedUnixMs)
    {
        public TransferSpec Spec { get; set; } = spec;

        public TransferProgress Progress { get; set; } = progress;

        public long UsedUnixMs { get; set; } = usedUnixMs;

        public bool Wanted { get; set; }

        public TransferRun? Run { get; set; }

        public Task Running { get; set; } = Task.CompletedTask;

        public CancellationTokenSource Cancel { get; set; } = new();

        public long StartedBytes { get; set; }

        public long StartedUnixMs { get; set; }

        /// <summary>Whether anything of it is, or is about to be, on disk.</summary>
        public bool TakesRoom => Run is not null || Progress.Phase == TransferPhase.Done || Progress.SentBytes > 0;
    }
}
