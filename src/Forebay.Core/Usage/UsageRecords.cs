using Forebay.Core.Errors;
using Forebay.Core.Serving;

namespace Forebay.Core.Usage;

/// <summary>How an accepted request ended.</summary>
public enum UsageOutcome : byte
{
    /// <summary>Answered in full.</summary>
    Completed,

    /// <summary>Failed, before or after the first byte; what was produced is metered.</summary>
    Failed,

    /// <summary>The client went away; what was produced is metered.</summary>
    ClientGone,

    /// <summary>The process died between accept and settle; tokens are unknown and nothing is charged.</summary>
    Interrupted,
}

/// <summary>Written before a request is forwarded.</summary>
/// <param name="RequestId">Unique id of the request.</param>
/// <param name="AcceptedUnixMs">Wall time of acceptance.</param>
/// <param name="Tenant">Tenant id.</param>
/// <param name="Key">API key id.</param>
/// <param name="Model">Model id.</param>
/// <param name="EstimatedInputTokens">Estimate the limits reserved.</param>
/// <param name="ReservedOutputTokens">Output tokens the limits reserved.</param>
/// <param name="Batch">Whether it is an item of a batch.</param>
public sealed record AcceptRecord(
    UInt128 RequestId,
    long AcceptedUnixMs,
    string Tenant,
    string Key,
    string Model,
    long EstimatedInputTokens,
    long ReservedOutputTokens,
    bool Batch = false);

/// <summary>
/// What one accepted request used: exactly one per <see cref="AcceptRecord"/>, written before the last event goes out.
/// </summary>
public sealed record UsageRecord
{
    public required UInt128 RequestId { get; init; }

    /// <summary>Wall time of acceptance; the minute it falls in is the minute it is billed in.</summary>
    public required long AcceptedUnixMs { get; init; }

    public required string Tenant { get; init; }

    public required string Key { get; init; }

    public required string Model { get; init; }

    /// <summary>The deployment that answered last; empty when none was tried.</summary>
    public string Deployment { get; init; } = "";

    public string Pool { get; init; } = "";

    public string Site { get; init; } = "";

    public string Provider { get; init; } = "";

    public Backing Backing { get; init; }

    public Dialect Dialect { get; init; }

    public bool Stream { get; init; }

    /// <summary>Whether it is an item of a batch.</summary>
    public bool Batch { get; init; }

    public required UsageOutcome Outcome { get; init; }

    /// <summary>Why it failed; <see cref="Errors.Reason.None"/> when it did not.</summary>
    public Reason Reason { get; init; }

    /// <summary>HTTP status sent to the client.</summary>
    public int Status { get; init; }

    public TokenUsage Tokens { get; init; }

    /// <summary>True when the upstream reported no usage and the tokens are our estimate.</summary>
    public bool Estimated { get; init; }

    /// <summary>What the provider charges, in millionths of a US dollar.</summary>
    public long ProviderCostMicros { get; init; }

    /// <summary>What the customer pays, in millionths of a US dollar.</summary>
    public long CustomerPriceMicros { get; init; }

    /// <summary>Acceptance to first upstream byte relayed, in milliseconds; negative when there was none.</summary>
    public double TimeToFirstTokenMs { get; init; } = -1;

    /// <summary>Acceptance to the end, in milliseconds.</summary>
    public double TotalMs { get; init; }

    /// <summary>Deployments tried.</summary>
    public int Attempts { get; init; }

    /// <summary>Whether the record tells where the request was sent. False for requests that a dying process left, and
    /// for records of programs that did not tell.</summary>
    public bool PlaceKnown { get; init; }

    /// <summary>Where it was sent last; without a context where it was sent nowhere.</summary>
    public ServedPlace Place { get; init; }

    /// <summary>Where it was sent before that, in order.</summary>
    public IReadOnlyList<ServedPlace> EarlierPlaces { get; init; } = [];
}
