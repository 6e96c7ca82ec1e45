using Forebay.Core.Capacity.Placement;
using Forebay.Core.Capacity.Concentration;
using Forebay.Core.Config;
using Forebay.Core.Serving.Links;

namespace Forebay.Core.Capacity;

/// <summary>A company that supplies compute.</summary>
public sealed record ProviderConfig
{
    [ConfigKey("Short name used everywhere else in the file.", Required = true, Pattern = Ids.Pattern)]
    public required string Id { get; init; }

    [ConfigKey("Name shown to people; the id when left out.")]
    public string? Name { get; init; }

    [ConfigKey("Concentration groups this provider belongs to.", RefersTo = "concentration_groups")]
    public string[] ConcentrationGroups { get; init; } = [];

    [ConfigKey("What is done when it leaves or fails, in words, for the provider register.",
        Example = "Move atlas-large to northwind within 30 days; contract 7, section 12.")]
    public string? ExitPlan { get; init; }
}

/// <summary>Providers and sites that fail or are withdrawn together.</summary>
public sealed record ConcentrationGroupConfig
{
    [ConfigKey("Short name used everywhere else in the file.", Required = true, Pattern = Ids.Pattern)]
    public required string Id { get; init; }

    [ConfigKey("What the members share: an owner, a chip vendor, a power grid.")]
    public string? Name { get; init; }

    [ConfigKey("How much of the whole may depend on it.")]
    public ConcentrationCapsConfig? Caps { get; init; }
}

/// <summary>What kind of place a site is.</summary>
public enum SiteKind : byte
{
    /// <summary>A cloud region.</summary>
    Region,

    /// <summary>A data centre.</summary>
    Datacenter,

    /// <summary>Compute in orbit: denied by every residency policy that does not name it.</summary>
    Orbital,
}

/// <summary>A place with compute.</summary>
public sealed record SiteConfig
{
    [ConfigKey("Short name used everywhere else in the file.", Required = true, Pattern = Ids.Pattern)]
    public required string Id { get; init; }

    [ConfigKey("Name shown to people; the id when left out.")]
    public string? Name { get; init; }

    [ConfigKey("The provider that runs the site.", Required = true, RefersTo = "providers")]
    public required string Provider { get; init; }

    [ConfigKey("region, datacenter or orbital.")]
    public SiteKind Kind { get; init; } = SiteKind.Region;

    [ConfigKey("ISO 3166-1 alpha-2 country code, upper case. Left out only for an orbital site.",
        Pattern = "[A-Z]{2}", Example = "US")]
    public string? Country { get; init; }

    [ConfigKey("Jurisdiction that residency policies name, lower case, such as us, eu or orbit.", Required = true,
        Pattern = Ids.Pattern, Example = "us")]
    public required string Jurisdiction { get; init; }

    [ConfigKey("Degrees north.", Minimum = -90, Maximum = 90)]
    public double? Latitude { get; init; }

    [ConfigKey("Degrees east.", Minimum = -180, Maximum = 180)]
    public double? Longitude { get; init; }

    [ConfigKey("Electric power of the site in megawatts.", Minimum = 0)]
    public Figure? PowerMw { get; init; }

    [ConfigKey("How the site is reached; nothing in the way when left out.")]
    public LinkConfig? Link { get; init; }

    [ConfigKey("Concentration groups of this site beyond its provider's.", RefersTo = "concentration_groups")]
    public string[] ConcentrationGroups { get; init; } = [];
}

/// <summary>Accelerators of a pool.</summary>
public sealed record PoolAcceleratorsConfig
{
    [ConfigKey("Type in the accelerator catalogue (docs/reference/accelerators.md).", Required = true,
        Example = "H100-SXM")]
    public required string Type { get; init; }

    [ConfigKey("How many accelerators.", Required = true, Minimum = 1)]
    public required Figure Count { get; init; }

    [ConfigKey("Accelerators that share one fast interconnect; the catalogue's figure when left out.", Minimum = 1)]
    public int? InterconnectDomain { get; init; }
}

/// <summary>API quota of a pool: what a provider's account may ask for per minute.</summary>
public sealed record PoolQuotaConfig
{
    [ConfigKey("Requests per minute.", Minimum = 1)]
    public int? RequestsPerMinute { get; init; }

    [ConfigKey("Input tokens per minute.", Minimum = 1)]
    public long? InputTokensPerMinute { get; init; }

    [ConfigKey("Output tokens per minute.", Minimum = 1)]
    public long? OutputTokensPerMinute { get; init; }

    [ConfigKey("Input and output tokens per minute together, for a provider that counts them so.", Minimum = 1)]
    public long? TokensPerMinute { get; init; }

    [ConfigKey("What one output token counts in tokens_per_minute.", Minimum = 1, Maximum = 100)]
    public double OutputBurndown { get; init; } = 1;

    [ConfigKey("Whether the provider takes max_tokens off the quota when a request is sent, and gives back what its " +
        "answer did not use when it ends.")]
    public bool ReservesMaxTokens { get; init; }

    [ConfigKey("Throughput bought in the provider's own units.", Minimum = 1)]
    public long? ProvisionedUnits { get; init; }
}

/// <summary>Interchangeable capacity at one site under one commitment: accelerators or an API quota.</summary>
public sealed record PoolConfig
{
    [ConfigKey("Short name used everywhere else in the file.", Required = true, Pattern = Ids.Pattern)]
    public required string Id { get; init; }

    [ConfigKey("The site where the capacity stands.", Required = true, RefersTo = "sites")]
    public required string Site { get; init; }

    [ConfigKey("The commitment that it comes from.", RefersTo = "commitments")]
    public string? Commitment { get; init; }

    [ConfigKey("Accelerators. Give accelerators or quota, not both.")]
    public PoolAcceleratorsConfig? Accelerators { get; init; }

    [ConfigKey("API quota. Give accelerators or quota, not both.")]
    public PoolQuotaConfig? Quota { get; init; }

    [ConfigKey("manual: only the deployments of this file run here. automatic: model versions are placed on what " +
        "those leave.")]
    public PoolPlacement Placement { get; init; }
}

/// <summary>What a commitment's quantity counts.</summary>
public enum CommitmentUnit : byte
{
    Accelerators,
    Megawatts,
    Dollars,
    RequestsPerMinute,
    TokensPerMinute,
    ProvisionedUnits,
}

/// <summary>What a commitment's price is charged per.</summary>
public enum PricePer : byte
{
    Month,
    AcceleratorHour,
    Total,
}

/// <summary>One step of a commitment's ramp.</summary>
public sealed record RampStepConfig
{
    [ConfigKey("First day of the step.", Required = true, Example = "2026-05-31")]
    public required DateOnly From { get; init; }

    [ConfigKey("Quantity owed from that day on, in the commitment's unit.", Required = true, Minimum = 0)]
    public required Figure Quantity { get; init; }
}

/// <summary>The price of a commitment.</summary>
public sealed record CommitmentPriceConfig
{
    [ConfigKey("US dollars.", Required = true, Minimum = 0)]
    public required Figure Usd { get; init; }

    [ConfigKey("month, accelerator_hour or total.", Required = true)]
    public required PricePer Per { get; init; }
}

/// <summary>What a provider owes.</summary>
public sealed record CommitmentConfig
{
    [ConfigKey("Short name used everywhere else in the file.", Required = true, Pattern = Ids.Pattern)]
    public required string Id { get; init; }

    [ConfigKey("The provider that owes it.", Required = true, RefersTo = "providers")]
    public required string Provider { get; init; }

    [ConfigKey("accelerators, megawatts, dollars, requests_per_minute, tokens_per_minute or provisioned_units.",
        Required = true)]
    public required CommitmentUnit Unit { get; init; }

    [ConfigKey("Full quantity, in the unit.", Required = true, Minimum = 0)]
    public required Figure Quantity { get; init; }

    [ConfigKey("Steps on the way to the full quantity, by date.")]
    public RampStepConfig[] Ramp { get; init; } = [];

    [ConfigKey("First day of the term.")]
    public DateOnly? Starts { get; init; }

    [ConfigKey("Last day of the term.")]
    public DateOnly? Ends { get; init; }

    [ConfigKey("What it costs.")]
    public CommitmentPriceConfig? Price { get; init; }

    [ConfigKey("Share of the price owed whether used or not, 0 to 1.", Minimum = 0, Maximum = 1)]
    public Figure? TakeOrPayShare { get; init; }

    [ConfigKey("Days of notice before either side may end it.", Minimum = 0)]
    public Figure? NoticeDays { get; init; }

    [ConfigKey("Days the provider has to make up a shortfall.", Minimum = 0)]
    public Figure? CureDays { get; init; }

    [ConfigKey("When the provider may take the capacity back, in words.")]
    public string? Reclaim { get; init; }

    [ConfigKey("Anything else the contract says, in words, with its source.")]
    public string? Notes { get; init; }
}
