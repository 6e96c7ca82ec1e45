using System.Buffers;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Usage;
using Forebay.Gateway.Pipeline;
using Forebay.Gateway.Telemetry;
using Forebay.Protocols;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Forebay.Gateway.Continuation;

/// <summary>What becomes of an answer that broke off after its client had been sent some of it.</summary>
internal enum GoOn : byte
{
    /// <summary>It ends with an error.</summary>
    No,

    /// <summary>Another deployment goes on with it.</summary>
    Elsewhere,

    /// <summary>Only its end was missing, and the client has that now.</summary>
    Ended,
}

/// <summary>
/// Step 9 after the first byte: an answer that breaks off is gone on with at another deployment of the same version
/// from the text so far, where model, tenant and request allow it and the result is what one answer would have been.
/// </summary>
internal static class Continuing
{
    /// <summary>By which a request refuses to be continued: <c>never</c>.</summary>
    public const string Header = "x-forebay-continuation";

    /// <summary>How often the answer was gone on with; behind the stream, where the protocol has trailers.</summary>
    public const string Trailer = "x-forebay-continued";

    private const string Never = "never";
    private const string Allowed = "allowed";

    /// <summary>Asked for by the request; text, reasoning and calls in the answer are watched as they come.</summary>
    private const RequestFeatures Unfit = RequestFeatures.Thinking | RequestFeatures.StructuredOutput
        | RequestFeatures.Audio;

    /// <summary>Whether the request says what it wants in words that are known here.</summary>
    public static Failure Check(Exchange x)
    {
        string? asked = x.Http.Request.Headers[Header];
        return asked is null || IsWord(asked, Never) || IsWord(asked, Allowed)
            ? Failure.None
            : new Failure(
                Reason.BadRequest, $"{Header}: must be {Never} or {Allowed}, or left out.", Header);
    }

    /// <summary>What follows an answer that this deployment begins; null where it could not be gone on with.</summary>
    public static OpenAnswer? Open(Exchange x, Deployment deployment, GatewayRuntime runtime)
    {
        if (x.Answer is { Times: > 0 })
        {
            return x.Answer;
        }

        x.Answer?.Dispose();
        return IsAllowed(x) && HasOther(x, deployment) ? new OpenAnswer(x, runtime, deployment) : null;
    }

    /// <summary>Says that a trailer may follow, where the client's protocol has a place for it: HTTP/2 and 3 here.
    /// </summary>
    public static void DeclareTrailer(Exchange x, HttpResponse response)
    {
        if (x.Answer is not null && response.SupportsTrailers())
        {
            response.DeclareTrailer(Trailer);
        }
    }

    /// <summary>Decides what becomes of an answer after an attempt failed for good.</summary>
    public static async ValueTask<GoOn> AfterAsync(
        Exchange x, Deployment deployment, Failure failure, GatewayRuntime runtime)
    {
        if (x.Answer is not { } answer || x.Stream is not { HasContent: true } || !IsUpstreams(failure.Reason))
        {
            return GoOn.No;
        }

        if (answer.SoFar is { HasStopped: true, Bar: ContinuationBar.None })
        {
            return await EndAsync(x, answer, runtime);
        }

        await LongWork.ElsewhereAsync();
        ContinuedRequest next = answer.Plan(
            x.Model!.Config.Continuation == ContinuationManner.ContinueFinalMessage);
        if (next.Bar != ContinuationBar.None)
        {
            return Refused(x, deployment, next.Bar, runtime);
        }

        if (next.TokensLeft <= 0)
        {
            // Events never outnumber tokens, so they prove that the limit is reached; an estimate does not.
            return x.Facts.MaxTokens <= answer.SoFar.TextEvents
                ? await EndAsync(x, answer, runtime)
                : Refused(x, deployment, ContinuationBar.LimitNear, runtime);
        }

        answer.Charge(deployment);
        if (!answer.TryTurnTo(next))
        {
            return Refused(x, deployment, ContinuationBar.TooLong, runtime);
        }

        Narrow(x);
        return GoOn.Elsewhere;
    }

    /// <summary>Leaves the deployments that may go on with an answer: those that speak the client's dialect and serve
    /// the version that began it.</summary>
    public static void Narrow(Exchange x)
    {
        if (x.Answer is not { Times: > 0 } answer)
        {
            return;
        }

        x.Eligible = x.Eligible.Speaking(x.Dialect).Of(
            new VersionKey(answer.Version), static (d, version) => d.Config.ModelVersion == version.Name);
    }

    /// <summary>Another deployment is about to be tried, or none is left: counts it where that goes on with an answer.
    /// </summary>
    public static void Count(Exchange x, string outcome, GatewayRuntime runtime)
    {
        if (x.Answer is { Times: > 0 })
        {
            runtime.Metrics.Continued(x, outcome);
        }
    }

    /// <summary>An answer was sent to its end: says how it came about.</summary>
    public static void Served(Exchange x, GatewayRuntime runtime)
    {
        if (x.Answer is { Times: > 0 } answer)
        {
            Tell(x, answer);
            Count(x, "succeeded", runtime);
            Log.Continued(runtime.Logger, x.IdText, x.Deployment!.Id, answer.Times);
        }
    }

    private static bool IsAllowed(Exchange x)
    {
        ContinuationManner manner = x.Model!.Config.Continuation;
        return manner != ContinuationManner.None
            && x.Dialect != Dialect.Responses
            && x.Settings.ContinuationBytes > 0
            && x.Tenant!.Config.Continuation
            && (x.Facts.Features & Unfit) == 0
            && (manner != ContinuationManner.ContinueFinalMessage || x.Dialect == Dialect.OpenAi)
            && !IsWord(x.Http.Request.Headers[Header].ToString(), Never);
    }

    private static bool HasOther(Exchange x, Deployment first)
    {
        foreach (Deployment candidate in x.Eligible.Speaking(x.Dialect).Deployments)
        {
            if (candidate != first && candidate.Config.ModelVersion == first.Config.ModelVersion)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether the upstream broke off: our own memory, a shutdown and the client's departure end an answer.
    /// </summary>
    private static bool IsUpstreams(Reason reason) => reason is Reason.UpstreamCut or Reason.UpstreamTimeout
        or Reason.UpstreamProtocol or Reason.UpstreamOverloaded or Reason.UpstreamUnavailable;

    private static bool IsWord(string text, string word) =>
        text.Trim().Equals(word, StringComparison.OrdinalIgnoreCase);

    private static GoOn Refused(Exchange x, Deployment deployment, ContinuationBar bar, GatewayRuntime runtime)
    {
        runtime.Metrics.NotContinued(x, bar);
        Log.NotContinued(runtime.Logger, x.IdText, deployment.Id, bar);
        return GoOn.No;
    }

    /// <summary>Sends what is missing. The usage record is written first, as for every answer.</summary>
    private static async ValueTask<GoOn> EndAsync(Exchange x, OpenAnswer answer, GatewayRuntime runtime)
    {
        var end = new ArrayBufferWriter<byte>(512);
        TokenUsage tokens = x.Tokens;
        AnswerEnding.Write(
            x.Wire,
            answer.SoFar,
            new WireUsage(true, tokens.Input, tokens.CacheRead, tokens.CacheWrite, tokens.Output),
            x.Facts.IncludeUsage == true,
            end);
        x.Status = StatusCodes.Status200OK;
        Settlement.Write(x, runtime, UsageOutcome.Completed, Reason.None);
        await x.Stream!.EndAsync(end.WrittenMemory, x.Http.RequestAborted);
        Tell(x, answer);
        runtime.Metrics.Continued(x, "ended");
        return GoOn.Ended;
    }

    private static void Tell(Exchange x, OpenAnswer answer)
    {
        if (answer.Times > 0
            && x.Http.Response.Headers.Trailer.Count > 0
            && x.Http.Features.Get<IHttpResponseTrailersFeature>() is { Trailers.IsReadOnly: false } feature)
        {
            feature.Trailers[Trailer] = answer.Times.ToString();
        }
    }

    private readonly record struct VersionKey(string? Name);
}
