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
}
