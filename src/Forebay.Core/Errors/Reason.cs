namespace Forebay.Core.Errors;

/// <summary>
/// Why a request failed: the closed list. Every failed request carries exactly one; <see cref="ReasonTable"/> maps each
/// to status, wire words, severity, metric label and retry advice.
/// </summary>
public enum Reason : byte
{
    /// <summary>Nothing failed.</summary>
    None = 0,
    BadRequest,
    Unauthenticated,
    NotPermitted,
    NoSuchPath,
    MethodNotAllowed,
    NoSuchModel,
    Untranslatable,
    Capability,
    Residency,
    BodyTooLarge,
    UnsupportedEncoding,
    RequestTimeout,
    LimitRequests,
    LimitInputTokens,
    LimitOutputTokens,
    Overloaded,
    QueueTimeout,
    Draining,
    MemoryBudget,
    JournalUnavailable,
    UpstreamUnavailable,
    UpstreamOverloaded,
    UpstreamAccount,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamProtocol,
    UpstreamCut,
    ClientGone,
    Internal,

    /// <summary>The client stopped reading its answer and was cut.</summary>
    ClientStalled,

    /// <summary>The five-hour window of usage is used up.</summary>
    LimitFiveHours,

    /// <summary>The weekly window of usage is used up.</summary>
    LimitWeek,

    /// <summary>Usage rises faster than the tenant's tier allows.</summary>
    LimitAcceleration,

    /// <summary>The month's spend cap is reached.</summary>
    LimitSpend,

    /// <summary>Too many batch requests of the tenant wait already.</summary>
    LimitBatchQueue,

    /// <summary>An export rule keeps the model from every place that could serve it.</summary>
    ExportControl,

    /// <summary>The conversation is bound to an account that cannot serve it now, or that is not known any more.
    /// </summary>
    Pinned,

    /// <summary>No batch, file or other object of that name is there for the tenant.</summary>
    NoSuchObject,

    /// <summary>The object is not in a state in which this can be done.</summary>
    Conflict,

    /// <summary>What was handed over could not be stored.</summary>
    StorageUnavailable,
}
