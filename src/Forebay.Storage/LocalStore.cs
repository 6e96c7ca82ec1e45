using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Forebay.Core.Access;
using Forebay.Core.Audit;
using Forebay.Core.Audit.Residency;
using Forebay.Core.Batches;
using Forebay.Core.Capacity.Withdrawals;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Capacity.Transfers;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Partners;
using Forebay.Core.Errors;
using Forebay.Core.Limits;
using Forebay.Core.Limits.Following;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Rollout;
using Forebay.Core.Usage;
using Forebay.Storage.Data;
using Forebay.Storage.Journal;
using Forebay.Storage.Sqlite;
using Forebay.Storage.Usage;
using Microsoft.Extensions.Logging;

namespace Forebay.Storage;

/// <summary>All stored state of a single node: SQLite and the usage journal in a data directory.</summary>
public sealed class LocalStore : IAsyncDisposable
{
    /// <summary>Name of the meter that everything here is measured with.</summary>
    public const string MeterName = "Forebay.Storage";

    private readonly Meter _meter;
    private readonly FoldLoop _foldLoop;

    private LocalStore(
        Meter meter, SqliteStore database, JournalFolder segments, UsageJournal journal, UsageFolder folder,
        FoldLoop foldLoop, UsageLedger ledger, RecoveryReport recovery)
    {
        _meter = meter;
        Database = database;
        Segments = segments;
        UsageJournal = journal;
        Folder = folder;
        _foldLoop = foldLoop;
        Ledger = ledger;
        Places = ledger;
        Access = new SqliteAccessStore(database);
        Exports = new SqliteExportStore(database);
        Withdrawals = new SqliteWithdrawalStore(database);
        Rollouts = new SqliteRolloutStore(database);
        Audit = new SqliteAuditLog(database);
        LimitUsage = new SqliteLimitUsage(database, segments, journal.Sync);
        LimitHistory = new SqliteLimitHistory(database);
        var replicas = new SqliteReplicaStore(database);
        Replicas = replicas;
        Transfers = replicas;
        LimitProposals = new SqliteLimitProposals(database);
        Demand = new SqliteDemandHistory(database);
        Capacity = new SqliteCapacityLedger(database);
        Partners = new SqlitePartnerStore(database);
        Batches = new SqliteBatchStore(database);
        SettledRequests = new JournalSettledRequests(segments, journal.Sync);
        Recovery = recovery;
    }

    public IUsageJournal Journal => UsageJournal;

    public IUsageLedger Ledger { get; }

    public IAccessStore Access { get; }

    public IAuditLog Audit { get; }

    public IExportStore Exports { get; }

    public IWithdrawalStore Withdrawals { get; }
    public IRolloutStore Rollouts { get; }

    /// <summary>Where requests were sent, and what permitted it.</summary>
    public IResidencyLedger Places { get; }

    /// <summary>What limits are rebuilt from.</summary>
    public ILimitUsage LimitUsage { get; }

    public ILimitHistory LimitHistory { get; }

    /// <summary>Replicas of models.</summary>
    public IReplicaStore Replicas { get; }

    /// <summary>Weights at sites and on their way there.</summary>
    public ITransferStore Transfers { get; }
    public ILimitProposals LimitProposals { get; }

    /// <summary>Recorded usage by minute.</summary>
    public IDemandHistory Demand { get; }
    public ICapacityLedgerStore Capacity { get; }

    public IPartnerStore Partners { get; }

    /// <summary>Batches and files, without their contents.</summary>
    public IBatchStore Batches { get; }

    /// <summary>Which requests were answered, from the part of the journal still retained.</summary>
    public ISettledRequests SettledRequests { get; }

    /// <summary>What opening found.</summary>
    public RecoveryReport Recovery { get; }

    internal SqliteStore Database { get; }

    internal JournalFolder Segments { get; }

    internal UsageJournal UsageJournal { get; }

    internal UsageFolder Folder { get; }

    /// <summary>
    /// Opens the state of a data directory: brings the database to this program's schema, folds what the last process
    /// left, and settles as interrupted what it had accepted and not settled.
    /// </summary>
    /// <exception cref="StorageException">It is damaged, unwritable, or of a newer program.</exception>
    public static Task<LocalStore> OpenAsync(
        DataDirectory directory,
        TimeProvider time,
        ILogger logger,
        LocalStoreOptions? options = null,
        CancellationToken cancel = default) =>
        OpenAsync(directory.Paths, new JournalDisk(), time, logger, options ?? new LocalStoreOptions(), cancel);

    /// <summary>
    /// The requests accepted in a time that are settled, in the order they were, from the part of the journal still
    /// retained.
    /// </summary>
    /// <param name="from">Start, inclusive.</param>
    /// <param name="to">End, exclusive.</param>
    /// <param name="cancel">Stops reading.</param>
    public async IAsyncEnumerable<UsageRecord> ReadRequestsAsync(
        DateTimeOffset from, DateTimeOffset to, [EnumeratorCancellation] CancellationToken cancel = default)
    {
        JournalPosition end = await Task.Run(UsageJournal.Sync, cancel).ConfigureAwait(false);
        long first = Segments.Segments().FirstOrDefault();
        using var reader = new JournalReader(Segments, new JournalPosition(first, 0), end, new TextPool());
        while (reader.TryRead(out JournalRecord record))
        {
            cancel.ThrowIfCancellationRequested();
            if (record.Settle is { } settle
                && settle.AcceptedUnixMs >= from.ToUnixTimeMilliseconds()
                && settle.AcceptedUnixMs < to.ToUnixTimeMilliseconds())
            {
                yield return settle;
            }
        }
    }

    /// <summary>Brings everything to disk and into the ledger, then closes. Nothing may be accepted any more.</summary>
    public async ValueTask DisposeAsync()
    {
        await _foldLoop.DisposeAsync().ConfigureAwait(false);
        await UsageJournal.DisposeAsync().ConfigureAwait(false);
        await _foldLoop.FoldRestAsync().ConfigureAwait(false);
        Folder.Dispose();
        await Database.DisposeAsync().ConfigureAwait(false);
        _meter.Dispose();
    }

    internal static async Task<LocalStore> OpenAsync(
        DataPaths paths,
        IJournalDisk disk,
        TimeProvider time,
        ILogger logger,
        LocalStoreOptions options,
        CancellationToken cancel)
    {
        SqliteStore database = SqliteStore.Open(paths.Database, logger);
        var meter = new Meter(MeterName);
        try
        {
            var segments = new JournalFolder(paths.Journal);
            var ledgerStore = new SqliteUsageLedger(database);
            var freshness = new Freshness(time);
            var foldMetrics = new FoldMetrics(meter, () => freshness.LagSeconds);
            var folder = new UsageFolder(segments, ledgerStore, time, foldMetrics, logger);
            var services = new JournalServices(disk, time, new JournalMetrics(meter), logger);
            (UsageJournal journal, RecoveryReport recovery) =
                await RecoverAsync(segments, folder, options, services, cancel).ConfigureAwait(false);
            var retention = new SegmentRetention(
                segments, options.RequestRetention, options.RequestRetentionBytes, time, logger);
            var loop = new FoldLoop(folder, journal, retention, options.FoldInterval,
                new FoldLoopServices(time, foldMetrics, logger, freshness));
            return new LocalStore(meter, database, segments, journal, folder, loop,
                new UsageLedger(folder, journal, ledgerStore), recovery);
        }
        catch (Exception e)
        {
            meter.Dispose();
            await database.DisposeAsync().ConfigureAwait(false);
            if (e is IOException or UnauthorizedAccessException)
            {
                throw new StorageException($"Cannot use the journal in {paths.Journal}: {e.Message} Free space on its "
                    + "disk, or make it writable for this user.", e);
            }

            throw;
        }
    }

    private static async Task<(UsageJournal Journal, RecoveryReport Report)> RecoverAsync(
        JournalFolder segments,
        UsageFolder folder,
        LocalStoreOptions options,
        JournalServices services,
        CancellationToken cancel)
    {
        // 1. Find the end of what the last process wrote, and fold up to it: what stays open was interrupted.
        JournalPosition folded = await folder.PositionAsync(cancel).ConfigureAwait(false);
        JournalEnd end = JournalRecovery.FindEnd(segments, folded);
        var damage = new List<JournalDamage>(end.Damage);
        damage.AddRange(await folder.FoldAsync(() => end.Position, cancel).ConfigureAwait(false));
        AcceptRecord[] open = [.. await folder.OpenAsync(cancel).ConfigureAwait(false)];

        // 2. Write that down before anything else, and fold it. A crash in here finds fewer to do.
        JournalLimits limits = JournalLimits.Default with { SegmentBytes = options.SegmentBytes };
        var journal = new UsageJournal(segments, end.Position, open.Select(a => a.RequestId), limits, services);
        try
        {
            foreach (AcceptRecord accept in open)
            {
                journal.Settle(Interrupted(accept));
            }

            damage.AddRange(await folder.FoldAsync(journal.Sync, cancel).ConfigureAwait(false));
        }
        catch
        {
            await journal.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        if (open.Length > 0)
        {
            StorageLog.Interrupted(services.Logger, open.Length);
            services.Metrics.Recovered(open.Length);
        }

        return (journal, new RecoveryReport(open.Length, end.TornBytes, damage));
    }

    /// <summary>Every failed request carries a reason: a process that died is an internal failure.</summary>
    private static UsageRecord Interrupted(AcceptRecord accept) => new()
    {
        RequestId = accept.RequestId,
        AcceptedUnixMs = accept.AcceptedUnixMs,
        Tenant = accept.Tenant,
        Key = accept.Key,
        Model = accept.Model,
        Batch = accept.Batch,
        Outcome = UsageOutcome.Interrupted,
        Reason = Reason.Internal,
    };
}
