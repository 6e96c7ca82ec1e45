using Forebay.Core.Errors;

namespace Forebay.Core.Serving.Health;

/// <summary>Where a deployment's breaker stands.</summary>
public enum BreakerState : byte
{
    /// <summary>Takes what its places allow.</summary>
    Closed,

    /// <summary>At its provider's limit for a named time; nothing is wrong with it.</summary>
    Paused,

    /// <summary>Left alone, but for a few requests that have nowhere else to go.</summary>
    Open,

    /// <summary>Takes a few trial requests.</summary>
    HalfOpen,

    /// <summary>Gets its places back over time.</summary>
    Recovering,
}

/// <summary>What took a deployment out.</summary>
public enum OutCause : byte
{
    None,

    /// <summary>Failures in a row.</summary>
    ConsecutiveFailures,

    /// <summary>The share of failures in the window.</summary>
    FailureShare,

    /// <summary>It fails far more often than the model's other deployments.</summary>
    PeerFailures,

    /// <summary>It slowed down far more than the model's other deployments.</summary>
    PeerSlowdown,

    /// <summary>It asked to be left alone (Retry-After).</summary>
    Asked,

    /// <summary>Its provider refused the account.</summary>
    Account,

    /// <summary>Active probes failed.</summary>
    Probes,

    /// <summary>Its provider's rate limit; a pause, not a failure.</summary>
    RateLimit,
}

/// <summary>What a failure says of a deployment.</summary>
public enum FailureKind : byte
{
    /// <summary>It failed: no connection, 5xx, a time-out, a cut or broken answer.</summary>
    Failure,

    /// <summary>It failed for want of capacity: 503, 529. A failure, and a reason to send less.</summary>
    Overload,

    /// <summary>A rate limit: 429. No failure, but a reason to send less.</summary>
    RateLimit,

    /// <summary>The provider refused the account: 401, 402. A person must act.</summary>
    Account,
}

/// <summary>A failed attempt as health sees it.</summary>
/// <param name="Reason">The reason recorded.</param>
/// <param name="Kind">What it says of the deployment.</param>
/// <param name="EnteredNs">When the request got its place: what began before a deployment was taken out says nothing of
/// it afterwards.</param>
/// <param name="NowNs">The present.</param>
/// <param name="Pause">How long the upstream asks to be left alone, or null.</param>
/// <param name="Configured">Most places configured.</param>
/// <param name="Jitter">Between 0 and 1, random: spreads the times at which deployments are tried again.</param>
public readonly record struct FailedAttempt(
    Reason Reason,
    FailureKind Kind,
    long EnteredNs,
    long NowNs,
    TimeSpan? Pause,
    int Configured,
    double Jitter);

/// <summary>One change of a breaker's state, for the log.</summary>
/// <param name="AtNs">When.</param>
/// <param name="From">State before.</param>
/// <param name="To">State after.</param>
/// <param name="Cause">Why it is or was out.</param>
/// <param name="Reason">The last failure's reason.</param>
/// <param name="ForNs">How long the new state lasts at most, or 0 where nothing says.</param>
public readonly record struct HealthChange(
    long AtNs, BreakerState From, BreakerState To, OutCause Cause, Reason Reason, long ForNs);

/// <summary>A breaker at one time, for people.</summary>
/// <param name="State">Where it stands.</param>
/// <param name="SinceNs">Since when; <see cref="long.MinValue"/> for ever.</param>
/// <param name="UntilNs">When it changes by itself, or <see cref="long.MinValue"/>.</param>
/// <param name="Cause">Why, where it is not closed.</param>
/// <param name="Share">Share of its places that it gets.</param>
public readonly record struct BreakerView(
    BreakerState State, long SinceNs, long UntilNs, OutCause Cause, double Share);

/// <summary>The words for states and causes in logs, metrics and the admin API: lower snake case, stable.</summary>
public static class HealthNames
{
    private static readonly string[] States = ["closed", "paused", "open", "half_open", "recovering"];

    private static readonly string[] Causes =
    [
        "none", "consecutive_failures", "failure_share", "peer_failures", "peer_slowdown", "asked", "account", "probes",
        "rate_limit",
    ];

    public static string Of(BreakerState state) => States[(int)state];

    public static string Of(OutCause cause) => Causes[(int)cause];
}
