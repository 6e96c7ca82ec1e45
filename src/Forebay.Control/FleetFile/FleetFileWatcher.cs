using System.Threading.Channels;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.FleetFile;

/// <summary>
/// Keeps the fleet in force in step with its file. Content decides, not time stamps: what the system reports and what a
/// poll finds are both only reasons to look, so that swapped symbolic links and restored files are seen too. A file
/// with a problem leaves the fleet in force as it is.
/// </summary>
public sealed class FleetFileWatcher : IAsyncDisposable
{
    /// <summary>A file that never stays the same is read after this many looks all the same.</summary>
    private const int MaxSettleLooks = 20;

    private readonly FleetFileWatcherOptions _options;
    private readonly ILogger<FleetFileWatcher> _logger;
    private readonly Channel<bool> _looks = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private readonly SemaphoreSlim _reloading = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly ITimer _poll;
    private readonly FileSystemWatcher? _reports;
    private readonly Task _loop;
    private string _seen;
    private FleetFileStatus _status;

    /// <summary>Begins to watch.</summary>
    public FleetFileWatcher(FleetFileWatcherOptions options, ILogger<FleetFileWatcher> logger)
    {
        if (options.Started.Config is null)
        {
            throw new ArgumentException("A server cannot start with a fleet file that has problems.", nameof(options));
        }

        _options = options;
        _logger = logger;
        _seen = options.Started.Sha256;
        _status = new FleetFileStatus(options.Path, 1, _seen, options.Time.GetUtcNow(), null, []);
        _reports = WatchDirectory();
        _poll = options.Time.CreateTimer(_ => Look(), null, options.Poll, options.Poll);
        _loop = RunAsync();
    }

    /// <summary>The file in force, and what was wrong with a later one.</summary>
    public FleetFileStatus Status => Volatile.Read(ref _status);

    /// <summary>Reads the file at once, changed or not, and puts it in force if it has no problem.</summary>
    public async Task<FleetReload> ReloadNowAsync(CancellationToken cancel)
    {
        await _reloading.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            return await ReloadAsync(cancel).ConfigureAwait(false);
        }
        finally
        {
            _reloading.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        _reports?.Dispose();
        await _poll.DisposeAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _reloading.Dispose();
        _stop.Dispose();
    }

    private void Look() => _looks.Writer.TryWrite(true);

    private async Task RunAsync()
    {
        try
        {
            while (await _looks.Reader.WaitToReadAsync(_stop.Token).ConfigureAwait(false))
            {
                _looks.Reader.TryRead(out _);
                try
                {
                    if (await HasChangedAsync().ConfigureAwait(false))
                    {
                        await ReloadNowAsync(_stop.Token).ConfigureAwait(false);
                    }
                }
                catch (Exception e) when (!_stop.IsCancellationRequested)
                {
                    // The file is watched on, whatever one look at it came to.
                    _logger.FleetApplyFailed(e, _options.Path);
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Disposed.
        }
    }

    /// <summary>Whether the content differs from what was read last, once it has settled.</summary>
    private async Task<bool> HasChangedAsync()
    {
        string found = FleetFileReader.HashOf(_options.Path);
        for (int looks = 0; found != Volatile.Read(ref _seen) && looks < MaxSettleLooks; looks++)
        {
            await Task.Delay(_options.Settle, _options.Time, _stop.Token).ConfigureAwait(false);
            string again = FleetFileReader.HashOf(_options.Path);
            if (again == found)
            {
                break;
            }

            found = again;
        }

        return found != Volatile.Read(ref _seen);
    }

    private async Task<FleetReload> ReloadAsync(CancellationToken cancel)
    {
        FleetFileResult read = _options.Reader.ReadFile(_options.Path);
        Volatile.Write(ref _seen, read.Sha256);
        IReadOnlyList<FleetFileProblem> problems = read.Problems;
        if (read.Config is { } config)
        {
            problems = [.. (await ApplyAsync(config, cancel).ConfigureAwait(false)).Select(read.Locate)];
        }

        DateTimeOffset now = _options.Time.GetUtcNow();
        if (problems.Count > 0)
        {
            Volatile.Write(ref _status, _status with { Rejected = now, Problems = problems });
            _logger.FleetKept(_options.Path, problems.Count, ProblemText.Format(problems));
            return new FleetReload(false, problems, []);
        }

        Volatile.Write(
            ref _status, new FleetFileStatus(_options.Path, _status.Loads + 1, read.Sha256, now, null, []));
        _logger.FleetReloaded(_options.Path, _status.Loads, read.Sha256);
        IReadOnlyList<RestartNote> notes = RestartRules.Find(_options.Started.Config!, read.Config!);
        foreach (RestartNote note in notes)
        {
            _logger.FleetNeedsRestart(note.Path, note.Message);
        }

        return new FleetReload(true, [], notes);
    }

    private async Task<IReadOnlyList<ConfigProblem>> ApplyAsync(FleetConfig config, CancellationToken cancel)
    {
        try
        {
            return await _options.Apply(config, cancel).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The file is watched on: the next content may do better, and the fleet in force still serves.
            _logger.FleetApplyFailed(e, _options.Path);
            return [new ConfigProblem("", $"it could not be put in force: {e.Message}", "The log says more.")];
        }
    }

    private FileSystemWatcher? WatchDirectory()
    {
        string full = Path.GetFullPath(_options.Path);
        FileSystemWatcher? watcher = null;
        try
        {
            // By name in its directory: editors replace files by renaming. What else swaps a content, the poll finds.
            watcher = new FileSystemWatcher(Path.GetDirectoryName(full) ?? "/", Path.GetFileName(full));
            watcher.Changed += (_, _) => Look();
            watcher.Created += (_, _) => Look();
            watcher.Deleted += (_, _) => Look();
            watcher.Renamed += (_, _) => Look();
            watcher.EnableRaisingEvents = true;
            return watcher;
        }
        catch (Exception e) when (e is IOException or ArgumentException or UnauthorizedAccessException
            or PlatformNotSupportedException)
        {
            watcher?.Dispose();
            _logger.FleetPolledOnly(_options.Path, e.Message, _options.Poll.TotalSeconds);
            return null;
        }
    }
}
