using Forebay.Control.Admin.Contract;
using Forebay.Control.Audit;
using Forebay.Control.FleetFile;
using Forebay.Control.Tls;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Fleet.Managed;
using Microsoft.Extensions.Logging;

namespace Forebay.Serve;

/// <summary>
/// Reloading while serving: the fleet file when it changes or when asked, and the certificates with it. Each change of
/// the fleet is in the audit log before it takes effect. The built-in fleet has no file and never changes. What the API
/// manages changes here too, one after another with the reloads.
/// </summary>
public sealed class FleetReloads : IManagedFleet, IAsyncDisposable
{
    private readonly FleetSource _source;
    private readonly AuditedChange _change;
    private readonly IReadOnlyList<ReloadingCertificate?> _certificates;
    private readonly FleetFileWatcher? _watcher;
    private readonly string _path;

    public FleetReloads(
        ServeSettings settings,
        FleetFileResult started,
        FleetSource source,
        AuditedChange change,
        IReadOnlyList<ReloadingCertificate?> certificates,
        TimeProvider time,
        ILoggerFactory logs)
    {
        _source = source;
        _change = change;
        _certificates = certificates;
        _path = settings.FleetFile ?? DefaultFleet.FileName;
        _watcher = settings.FleetFile is null ? null : new FleetFileWatcher(
            new FleetFileWatcherOptions
            {
                Path = settings.FleetFile,
                Reader = FleetSource.Reader,
                Started = started,
                Apply = ApplyAsync,
                Time = time,
            },
            logs.CreateLogger<FleetFileWatcher>());
    }

    /// <summary>The file in force; null for the built-in fleet.</summary>
    public FleetFileView? View => _watcher is null ? null : ViewOf(_watcher.Status);

    /// <summary>Reads the file and the certificates again.</summary>
    public async Task<ReloadView> ReloadAsync(CancellationToken cancel)
    {
        foreach (ReloadingCertificate? certificate in _certificates)
        {
            certificate?.Reload();
        }

        if (_watcher is null)
        {
            return new ReloadView(true, null, [.. CertificateProblems()]);
        }

        FleetReload reload = await _watcher.ReloadNowAsync(cancel);
        IEnumerable<FileProblemView> restarts = reload.NeedsRestart
            .Select(n => new FileProblemView(n.Path, null, n.Message, "Restart the server for it to take effect."));
        return new ReloadView(
            reload.Applied, View, [.. reload.Problems.Select(ViewOf), .. restarts, .. CertificateProblems()]);
    }

    public ManagedObjects Managed => _source.Managed;

    public IReadOnlyList<ConfigProblem> Check(Func<ManagedObjects, ManagedObjects> change) => _source.Check(change);

    public Task<IReadOnlyList<ConfigProblem>> ApplyManagedAsync(
        string owner, Func<ManagedPart, ManagedPart> change, string actor, CancellationToken cancel) =>
        _source.ApplyManagedAsync(owner, change, actor, _change, cancel);

    /// <summary>What is wrong with renewed certificates; the old ones are kept meanwhile.</summary>
    private IEnumerable<FileProblemView> CertificateProblems() => _certificates
        .Where(c => c?.Problem is not null)
        .Select(c => new FileProblemView(
            "server.tls", null, c!.Problem!, "Correct the certificate files; the old certificate is kept until then."));

    public ValueTask DisposeAsync() => _watcher?.DisposeAsync() ?? ValueTask.CompletedTask;

    private Task<IReadOnlyList<ConfigProblem>> ApplyAsync(FleetConfig config, CancellationToken cancel) =>
        _source.ApplyAsync(config, _change, new FleetOrigin("file", _path, FleetFileReader.HashOf(_path)), cancel);

    private static FleetFileView ViewOf(FleetFileStatus s) =>
        new(s.Path, s.Loads, s.Sha256, s.Loaded, s.Rejected, [.. s.Problems.Select(ViewOf)]);

    private static FileProblemView ViewOf(FleetFileProblem p) => new(p.Path, p.Line, p.Message, p.Fix);
}
