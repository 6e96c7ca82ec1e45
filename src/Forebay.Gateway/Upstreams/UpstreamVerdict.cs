using System.Net;
using System.Net.Http.Headers;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Health;
using Forebay.Gateway.Pipeline;

namespace Forebay.Gateway.Upstreams;

/// <summary>
/// What an upstream's status means. 401, 402 and 429 concern our account there, so the client never sees them as its
/// own; 408, 5xx and redirects are the upstream's failure; every other 4xx is an answer to the client and goes back
/// verbatim.
/// </summary>
internal static class UpstreamVerdict
{
    /// <summary>Longest pause taken from a Retry-After: an upstream may ask for days.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(60);

    public static bool IsSuccess(HttpStatusCode status) => (int)status is >= 200 and < 300;

    public static bool IsVerbatim(HttpStatusCode status) =>
        (int)status is >= 400 and < 500 and not 401 and not 402 and not 408 and not 429;

    /// <summary>What a failed status says of the deployment's health.</summary>
    public static FailureKind KindOf(HttpStatusCode status) => (int)status switch
    {
        429 => FailureKind.RateLimit,
        401 or 402 => FailureKind.Account,
        503 or 529 => FailureKind.Overload,
        _ => FailureKind.Failure,
    };

    /// <summary>The failure a status stands for, and the pause the upstream asks for.</summary>
    public static (Failure Failure, TimeSpan? Pause) Of(HttpResponseMessage response, Deployment deployment)
    {
        int status = (int)response.StatusCode;
        TimeSpan? pause = PauseOf(response.Headers);
        int? seconds = pause is { } p ? Math.Max(1, (int)Math.Ceiling(p.TotalSeconds)) : null;
        string detail = $"deployment {deployment.Id} answered {status}";
        Failure failure = status switch
        {
            429 => new(Reason.UpstreamAccount, "Every deployment of this model is at its provider's limit; try again " +
                "shortly.", null, seconds ?? 1, detail),
            401 or 402 => new(Reason.UpstreamAccount, "The provider refused the pool's own account; the operator has " +
                "been told. Try again later.", null, seconds, detail),
            503 or 529 => new(Reason.UpstreamOverloaded, "The model is overloaded at its provider; try again shortly.",
                null, seconds, detail),
            408 or 504 => new(Reason.UpstreamTimeout, "The provider did not answer in time; try again.", null, seconds,
                detail),
            >= 300 and < 400 => new(Reason.UpstreamProtocol, "The provider answered with a redirect, which is not " +
                "followed; the operator must correct the endpoint.", null, null, detail),
            _ => new(Reason.UpstreamUnavailable, $"The provider failed with status {status}; try again.", null, seconds,
                detail),
        };
        // An account's limit and a whole engine's overload hold for every request; a 529 or 500 may be about this one.
        return (failure, status is 429 or 503 ? pause : null);
    }

    private static TimeSpan? PauseOf(HttpResponseHeaders headers)
    {
        if (headers.TryGetValues("retry-after-ms", out IEnumerable<string>? values)
            && double.TryParse(values.First(), out double ms) && ms is >= 0 and < 1e12)
        {
            return Cap(TimeSpan.FromMilliseconds(ms));
        }

        return headers.RetryAfter switch
        {
            { Delta: { } delta } => Cap(delta),
            { Date: { } date } when headers.Date is { } sent && date > sent => Cap(date - sent),
            _ => null,
        };
    }

    private static TimeSpan Cap(TimeSpan pause) => pause > LongestPause ? LongestPause : pause;
}
