namespace Forebay.Control.Admin.Contract;

/// <summary>Answer of <c>GET /livez</c>.</summary>
public sealed record LiveView(bool Live);

/// <summary>Answer of <c>GET /readyz</c>: ready when nothing fails.</summary>
public sealed record ReadyView(bool Ready, IReadOnlyList<FailingConditionView> Failing);

public sealed record FailingConditionView(string Condition, string Detail);

/// <summary>Answer of <c>GET /v1/status</c>.</summary>
public sealed record StatusView(
    string Version,
    DateTimeOffset Started,
    bool Ready,
    bool Draining,
    int Waiting,
    bool JournalWritable,
    FleetView Fleet,
    FleetFileView? FleetFile,
    IReadOnlyList<DeploymentView> Deployments,
    IReadOnlyList<QueueView> Queues,
    IReadOnlyList<string> LimitAlarms,
    IReadOnlyList<CapPassedView> ConcentrationPassed);

/// <summary>The queue of one model and priority class; only those that anything ever waited in.</summary>
public sealed record QueueView(
    string Model,
    string Class,
    int Waiting,
    double OldestSeconds,
    long Granted,
    long Shed,
    long Displaced,
    long Expired);

/// <summary>The fleet in counts; <c>Summary</c> says them in a line.</summary>
public sealed record FleetView(
    string Summary,
    int Providers,
    int Sites,
    int Pools,
    int Models,
    int Tenants,
    int Keys,
    int Deployments,
    int Real,
    int Emulated,
    int Cloud,
    int Unserved);

/// <summary>The fleet file in force, and what was wrong with a later one that was not taken over.</summary>
public sealed record FleetFileView(
    string Path,
    int Loads,
    string Sha256,
    DateTimeOffset Loaded,
    DateTimeOffset? Rejected,
    IReadOnlyList<FileProblemView> Problems);

/// <summary>One thing wrong with a fleet file.</summary>
public sealed record FileProblemView(string Path, int? Line, string Message, string Fix);

/// <summary>A deployment with its live counters.</summary>
public sealed record DeploymentView(
    string Id,
    string Model,
    string Provider,
    string Site,
    string Pool,
    string Backing,
    bool Served,
    string? Withdrawn,
    int InFlight,
    int MaxConcurrency,
    long Started,
    long Completed,
    long Failed,
    string LastFailure,
    DateTimeOffset? DownUntil,
    HealthView Health);

/// <summary>A deployment's health.</summary>
/// <param name="State">closed, paused, open, half_open or recovering.</param>
/// <param name="Since">Since when; left out where it was always so.</param>
/// <param name="Cause">Why it is not closed; none where it is.</param>
/// <param name="Places">Places given out now.</param>
/// <param name="ConcurrencyLimit">What its answers show it can take; left out where nothing showed less than
/// max_concurrency.</param>
/// <param name="Engine">What its engine says of itself, where it does.</param>
public sealed record HealthView(
    string State,
    DateTimeOffset? Since,
    string Cause,
    int Places,
    int? ConcurrencyLimit,
    EngineView? Engine);

/// <summary>An engine's own figures; left out what it does not say.</summary>
public sealed record EngineView(
    double Running,
    double Waiting,
    double? KvUsageShare,
    double? PrefixHitShare,
    double? PromptTokensPerSecond,
    double? GenerationTokensPerSecond,
    double AgeSeconds);

/// <summary>Answer of <c>POST /v1/reload</c>.</summary>
public sealed record ReloadView(bool Applied, FleetFileView? FleetFile, IReadOnlyList<FileProblemView> Problems);

/// <summary>Body of <c>POST /v1/backup</c>. Without a name the backup is the answer's body and is not kept.</summary>
public sealed record BackupBody(string? Name);

/// <summary>A backup kept on the server.</summary>
public sealed record BackupView(string Path, long Bytes, string Sha256);
