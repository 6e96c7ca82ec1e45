using Forebay.Core.Errors;

namespace Forebay.Gateway.Pipeline;

/// <summary>Why a request is refused or failed, in words for the client.</summary>
/// <param name="Reason">The one reason; <see cref="Core.Errors.Reason.None"/> when there is no failure.</param>
/// <param name="Message">What happened and what to do. Never holds a secret or another tenant's data.</param>
/// <param name="Param">The request field concerned, or null.</param>
/// <param name="RetryAfterSeconds">Whole seconds to wait before trying again, or null.</param>
/// <param name="Detail">For the log only: what an operator needs and a client must not see.</param>
/// <param name="ShouldRetry">Whether to try again, where that is not what the reason always says.</param>
public readonly record struct Failure(
    Reason Reason,
    string Message,
    string? Param = null,
    int? RetryAfterSeconds = null,
    string? Detail = null,
    bool? ShouldRetry = null)
{
    public static Failure None => default;

    public bool IsNone => Reason == Reason.None;

    /// <summary>The client went away or was cut: there is nobody to tell.</summary>
    public bool IsClientGone => Reason is Reason.ClientGone or Reason.ClientStalled;
}
