using System.Net;
using System.Net.Http.Headers;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Health;
using Forebay.Gateway.Pipeline;
using Forebay.Gateway.Providers;

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

    /// <summary>What a status means where a provider says nothing else by it.</summary>
    public static AnswerMeaning MeaningOf(HttpStatusCode status) => (int)status switch
    {
        >= 200 and < 300 => AnswerMeaning.Success,
        401 or 402 => AnswerMeaning.Account,
        408 or 504 => AnswerMeaning.Timeout,
        429 => AnswerMeaning.RateLimit,
        503 or 529 => AnswerMeaning.Overload,
        >= 300 and < 400 => AnswerMeaning.Redirect,
        >= 400 and < 500 => AnswerMeaning.Refusal,
        _ => AnswerMeaning.Failure,
    };

    /// <summary>What a failure says of the deployment's health.</summary>
    public static FailureKind KindOf(AnswerMeaning meaning) => meaning switch
    {
        AnswerMeaning.RateLimit => FailureKind.RateLimit,
        AnswerMeaning.Account => FailureKind.Account,
        AnswerMeaning.Overload => FailureKind.Overload,
        _ => FailureKind.Failure,
    };

    /// <summary>The failure that an answer stands for, and the pause the upstream asks for.</summary>
    public static (Failure Failure, TimeSpan? Pause) Of(
        HttpResponseMessage response, AnswerMeaning meaning, Deployment deployment, string? told = null)
    {
        int status = (int)response.StatusCode;
        TimeSpan? pause = PauseOf(response.Headers);
        int? seconds = pause is { } p ? Math.Max(1, (int)Math.Ceiling(p.TotalSeconds)) : null;
        string detail = $"deployment {deployment.Id} answered {status}" + (told is null ? "" : $" ({told})");
        Failure failure = meaning switch
        {
            AnswerMeaning.RateLimit => new(
                Reason.UpstreamAccount, "Every deployment of this model is at its provider's limit; try again shortly.",
                null, seconds ?? 1, detail),
            AnswerMeaning.Account => new(
                Reason.UpstreamAccount, "The provider refused the pool's own account; the operator has been told. " +
                "Try again later.", null, seconds, detail),
            AnswerMeaning.Overload => new(
                Reason.UpstreamOverloaded, "The model is overloaded at its provider; try again shortly.", null, seconds,
                detail),
            AnswerMeaning.Timeout => new(
                Reason.UpstreamTimeout, "The provider did not answer in time; try again.", null, seconds, detail),
            AnswerMeaning.Redirect => new(
                Reason.UpstreamProtocol, "The provider answered with a redirect, which is not followed; the operator " +
                "must correct the endpoint.", null, null, detail),
            _ => new(Reason.UpstreamUnavailable, $"The provider failed with status {status}; try again.", null, seconds,
                detail),
        };
        // An account's limit and a whole engine's overload hold for every request; a 529 or 500 may be about this one.
        return (failure, meaning == AnswerMeaning.RateLimit || status == 503 ? pause : null);
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
