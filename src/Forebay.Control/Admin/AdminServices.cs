using Forebay.Control.Access;
using Forebay.Control.Admin.Contract;
using Forebay.Control.Audit;
using Forebay.Control.Backup;
using Forebay.Control.Batches;
using Forebay.Control.Capacity;
using Forebay.Control.Concentration;
using Forebay.Control.Limits.Following;
using Forebay.Control.Partners;
using Forebay.Control.Permission;
using Forebay.Control.Placement;
using Forebay.Control.Replicas;
using Forebay.Control.Rollout;
using Forebay.Control.Telemetry;
using Forebay.Control.Withdrawals;
using Forebay.Core.Audit;
using Forebay.Core.Audit.Residency;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Usage;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.Admin;

/// <summary>Everything the admin API shows and changes.</summary>
public sealed record AdminServices
{
    public required FleetState Fleet { get; init; }

    public required KeyService Keys { get; init; }

    public required AdminTokenService Tokens { get; init; }

    public required ExportService Exports { get; init; }

    public required WithdrawalService Withdrawals { get; init; }
    public required RolloutService Rollouts { get; init; }
    /// <summary>Batches and files; null where there are none.</summary>
    public BatchDesk? Batches { get; init; }

    public required PartnerService Partners { get; init; }

    public required CapacityService Capacity { get; init; }

    public required CapacityReports CapacityReports { get; init; }

    /// <summary>Where requests were sent.</summary>
    public required IResidencyLedger Places { get; init; }

    public required IUsageLedger Ledger { get; init; }

    /// <summary>How the fleet is spread.</summary>
    public required ConcentrationService Concentration { get; init; }

    public required ILimitHistory LimitHistory { get; init; }

    public required LimitFollowing Following { get; init; }

    public required IUsageJournal Journal { get; init; }

    public required IAuditLog Audit { get; init; }

    public required AuditedChange Change { get; init; }

    public required MetricsCollector Metrics { get; init; }

    public required BackupService Backup { get; init; }

    /// <summary>The replicas that this server looks after; null where it looks after none.</summary>
    public ReplicaLoop? Replicas { get; init; }

    /// <summary>What decides where models run; null where nothing here runs engines.</summary>
    public PlacementLoop? Placement { get; init; }

    /// <summary>The fleet file in force; null when the fleet does not come from a file.</summary>
    public required Func<FleetFileView?> FleetFile { get; init; }

    /// <summary>
    /// Reads the fleet file again. A file with problems leaves the fleet in force and is told of in the answer, not by
    /// an exception. The request is in the audit log before this is called.
    /// </summary>
    public required Func<CancellationToken, Task<ReloadView>> Reload { get; init; }

    /// <summary>What must hold for <c>/readyz</c>, beside the built-in conditions.</summary>
    public IReadOnlyList<ReadinessCondition> Readiness { get; init; } = [];

    public required TimeProvider Time { get; init; }

    /// <summary>What commitments and leases go by; <see cref="Time"/> when null.</summary>
    public TimeProvider? ContractTime { get; init; }

    public required ILoggerFactory Logs { get; init; }
}

/// <summary>Something that must hold before the server takes requests.</summary>
/// <param name="Name">Lower-case words joined by underscores.</param>
/// <param name="Failing">Why it does not hold now, in words; null while it does. Must be quick and not throw.</param>
public sealed record ReadinessCondition(string Name, Func<string?> Failing);
