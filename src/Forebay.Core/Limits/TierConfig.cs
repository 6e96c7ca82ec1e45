using Forebay.Core.Config;

namespace Forebay.Core.Limits;

/// <summary>Order in which waiting requests are served.</summary>
public enum PriorityClass : byte
{
    Interactive,
    Standard,
    Batch,
}

/// <summary>The words for priority classes in files, metrics and answers.</summary>
public static class PriorityClassWords
{
    public static string Word(this PriorityClass priority) => priority switch
    {
        PriorityClass.Interactive => "interactive",
        PriorityClass.Standard => "standard",
        PriorityClass.Batch => "batch",
        _ => throw new ArgumentOutOfRangeException(nameof(priority), priority, "There is no such priority class."),
    };
}

/// <summary>Limits and priority that tenants share. Its own limits hold over all models together.</summary>
public sealed record TierConfig : LimitsConfig
{
    [ConfigKey("Short name used everywhere else in the file.", Required = true, Pattern = Ids.Pattern)]
    public required string Id { get; init; }

    [ConfigKey("interactive, standard or batch.")]
    public PriorityClass Priority { get; init; } = PriorityClass.Standard;

    [ConfigKey("Share of a tenant beside others of its class while requests wait: one of weight 2 gets twice the " +
        "tokens.", Minimum = 0.01, Maximum = 1000)]
    public double Weight { get; init; } = 1;

    [ConfigKey("Longest wait for capacity of this tier's requests; server.gateway.max_wait_seconds bounds it too.",
        Minimum = 0, Maximum = 3600)]
    public double? MaxWaitSeconds { get; init; }

    [ConfigKey("Day (UTC) on which weekly windows begin.")]
    public DayOfWeek WeekStartsOn { get; init; } = DayOfWeek.Monday;

    [ConfigKey("Hour (UTC) at which weekly windows begin.", Minimum = 0, Maximum = 23)]
    public int WeekStartsAtHour { get; init; }

    [ConfigKey("Most requests of batch priority that wait or run at once, per tenant, and most items of its batches " +
        "that have not been answered; no limit when left out.",
        Minimum = 1, Maximum = 10_000_000)]
    public int? MaxBatchRequests { get; init; }

    [ConfigKey("Most bytes of batches and files that a tenant may have stored; server.batches.max_tenant_bytes when " +
        "left out.", Minimum = 0)]
    public long? MaxBatchBytes { get; init; }

    [ConfigKey("Limits over the models of a class; they hold beside the tier's own.")]
    public ClassLimitsConfig[] Classes { get; init; } = [];
}

/// <summary>A customer.</summary>
public sealed record TenantConfig
{
    [ConfigKey("Short name used everywhere else.", Required = true, Pattern = Ids.Pattern)]
    public required string Id { get; init; }

    [ConfigKey("Name shown to people; the id when left out.")]
    public string? Name { get; init; }

    [ConfigKey("Its limits and priority.", Required = true, RefersTo = "tiers")]
    public required string Tier { get; init; }

    [ConfigKey("Where its requests may be served; everywhere but orbit when left out.",
        RefersTo = "residency_policies")]
    public string? Residency { get; init; }

    [ConfigKey("Where its clients are, unless a request says otherwise; the server's region when left out.",
        RefersTo = "regions")]
    public string? Region { get; init; }

    [ConfigKey("Tenants of one cache domain may profit from each other's cached prompts; its own when left out.",
        Pattern = Ids.Pattern)]
    public string? CacheDomain { get; init; }

    [ConfigKey("Data class of its requests that name none, by key or header; none when left out.",
        RefersTo = "data_classes")]
    public string? DataClass { get; init; }

    [ConfigKey("Whether its requests may have their routing kept for reading with the header x-forebay-explain: 1.")]
    public bool Explain { get; init; }

    [ConfigKey("Models it may use; all when left out.", RefersTo = "models")]
    public string[]? Models { get; init; }

    [ConfigKey("Whether answers that break off may be gone on with at another deployment, where the model can.")]
    public bool Continuation { get; init; } = true;
}
