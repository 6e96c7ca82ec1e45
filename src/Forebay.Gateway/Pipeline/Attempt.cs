using System.Net.Http.Headers;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;
using Forebay.Core.Time;
using Forebay.Core.Usage;
using Forebay.Gateway.Continuation;
using Forebay.Gateway.Pinning;
using Forebay.Gateway.Providers;
using Forebay.Gateway.Relay;
using Forebay.Gateway.Translation;
using Forebay.Gateway.Upstreams;
using Forebay.Protocols;

namespace Forebay.Gateway.Pipeline;

/// <summary>
/// Steps 8 and 9 at one deployment: forward, then relay. Every way it can end is an <see cref="AttemptResult"/>; only
/// the client's own departure comes out as an exception.
/// </summary>
internal sealed class Attempt(Exchange x, Deployment deployment, Upstream upstream, GatewayRuntime runtime)
{
    /// <summary>The dialect that the deployment is asked in.</summary>
    private readonly Dialect _asked = deployment.DialectFor(x.Dialect);

    /// <summary>What says the answer in the client's dialect; null where the upstream speaks it.</summary>
    private readonly ForeignAnswer? _foreign =
        deployment.Speaks(x.Dialect) ? null : new ForeignAnswer(x, runtime, deployment.DialectFor(x.Dialect));

    private bool AddsUsage => x.Wire == WireDialect.OpenAi && RequestSplicer.LacksUsage(in x.Facts);

    public async Task<AttemptResult> RunAsync()
    {
        using var clock = new AttemptClock(
            deployment.Config.Timeouts, runtime.Time, x.Http.RequestAborted, runtime.Cut);
        try
        {
            return await SendAsync(clock, mayRenew: true) ?? await SendAsync(clock, mayRenew: false)
                ?? throw new InvalidOperationException("An attempt ends with its second sending.");
        }
        catch (OperationCanceledException) when (!x.ClientGone)
        {
            return Stopped(clock);
        }
        catch (ProviderCredentialException e)
        {
            return Unauthorized(e);
        }
        catch (ProviderRequestException e)
        {
            // Nothing was sent; a deployment elsewhere may take what this provider cannot.
            return AttemptResult.Elsewhere(new Failure(Reason.Untranslatable, e.Message)) with { Blame = false };
        }
        catch (Exception e) when (UpstreamFault.Is(e) && !x.ClientGone)
        {
            return Broken(e);
        }
    }

    /// <summary>Sends the request and relays its answer; null where it is to be sent once more, because the provider
    /// refused a credential that was renewed since.</summary>
    private async Task<AttemptResult?> SendAsync(AttemptClock clock, bool mayRenew)
    {
        using HttpRequestMessage request = BuildRequest();
        await upstream.Adapter.AuthorizeAsync(request, _asked, clock.Token);
        switch (PermissionGuard.Check(x, deployment, runtime))
        {
            case GuardVerdict.PoliceAgain:
                return AttemptResult.PoliceAgain;
            case GuardVerdict.Refuse:
                return AttemptResult.Fail(PermissionGuard.Refused(deployment), blame: false);
        }

        using HttpResponseMessage response = await upstream.Invoker.SendAsync(request, clock.Token);
        AnswerMeaning meaning = upstream.Adapter.MeaningOf(response);
        if (x.Quota is { } quota)
        {
            upstream.Adapter.ReadQuota(response, quota, Instant.MonotonicNsOf(runtime.Time));
        }

        switch (meaning)
        {
            case AnswerMeaning.Success:
                x.Issued = Pinned.Remember(x, deployment, runtime);
                return x.Facts.Stream
                    ? await RelayStreamAsync(response, clock)
                    : await RelayBodyAsync(response, clock);
            case AnswerMeaning.Refusal:
                return await RelayVerbatimAsync(response, clock);
            case AnswerMeaning.Account when mayRenew && await upstream.Adapter.RenewAsync(response, clock.Token):
                return null;
            default:
                (Failure failure, TimeSpan? pause) = UpstreamVerdict.Of(
                    response, meaning, deployment, upstream.Adapter.DetailOf(response));
                return AttemptResult.Elsewhere(failure, pause) with { Kind = UpstreamVerdict.KindOf(meaning) };
        }
    }

    private HttpRequestMessage BuildRequest()
    {
        HttpRequestMessage request = upstream.Adapter.Build(
            _foreign is null ? NativeRequest() : x.Foreign![_asked]!.For(x, deployment));
        x.LeftOut = request.Options.TryGetValue(ProviderAdapter.LeftOut, out string? leftOut) ? leftOut : "";
        runtime.Metrics.InjectTrace(request);
        return request;
    }

    private ProviderRequest NativeRequest()
    {
        bool goesOn = x.Answer is { Times: > 0 };
        return new ProviderRequest
        {
            Call = x.Embeds ? ProviderCall.Embed : ProviderCall.Generate,
            Dialect = x.Dialect,
            Query = x.Http.Request.QueryString.Value,
            Headers = x.Http.Request.Headers,
            Body = goesOn ? x.Answer!.Body : x.Body!.WrittenMemory,
            Facts = goesOn ? x.Answer!.Facts : x.Facts,
            AddUsage = AddsUsage,
            Geography = AskedPlaces.SpliceFor(x, deployment, x.Dialect),
        };
    }

    private async Task<AttemptResult> RelayStreamAsync(HttpResponseMessage response, AttemptClock clock)
    {
        MediaTypeHeaderValue? type = response.Content.Headers.ContentType;
        if (!upstream.Adapter.IsStream(type?.MediaType))
        {
            return AttemptResult.Elsewhere(new Failure(
                Reason.UpstreamProtocol, "The provider did not answer with a stream; try again.",
                Detail: $"deployment {deployment.Id} answered a stream request with {type?.MediaType ?? "no type"}"));
        }

        StreamObserver observer = _foreign is null
            ? new StreamObserver(x.Wire, new StreamRewrite(ResponseModelJson(), AddsUsage))
            : new StreamObserver(_foreign.Wire, default);
        x.Answer = Continuing.Open(x, deployment, runtime);
        x.Answer?.Begin(observer);
        await x.Stream!.SetHeadAsync(
            to =>
            {
                Continuing.DeclareTrailer(x, to);
                HeaderPolicy.CopyResponse(response, to.Headers, _foreign is not null);
                PipelineHeaders.Served(x, deployment, to.Headers);
            },
            clock.Token);
        await using Stream body = await UpstreamBody.OpenAsync(response, clock.Token);
        await using Stream source = upstream.Adapter.OpenEvents(body, _asked);
        try
        {
            AttemptResult result = await StreamRelay.RunAsync(
                x, source, observer, clock, runtime, () => Settle(observer), _foreign?.Stream(observer));
            // Another draw of white space is no fault of the deployment's.
            return x.Answer?.Seam is { IsTorn: true } ? result with { Blame = false } : result;
        }
        finally
        {
            Note(observer);
        }
    }

    private Task<AttemptResult> RelayBodyAsync(HttpResponseMessage response, AttemptClock clock) => BodyRelay.RunAsync(
        x, response, ResponseModelJson(), clock, runtime, (usage, bytes) =>
        {
            // Where an engine tells no usage, four bytes of answer count as a token.
            x.Tokens = TokensOf(usage, usage.Known ? 0 : bytes / 4);
            x.TokensEstimated = !usage.Known;
            Settlement.Write(x, runtime, UsageOutcome.Completed, Reason.None);
        },
        _foreign);

    private async Task<AttemptResult> RelayVerbatimAsync(HttpResponseMessage response, AttemptClock clock)
    {
        AttemptResult result = await BodyRelay.RunVerbatimAsync(
            x,
            response,
            clock,
            runtime,
            () => Settlement.Write(x, runtime, UsageOutcome.Failed, Reason.UpstreamRefused),
            upstream.Adapter,
            _foreign);
        return result.End == AttemptEnd.Served
            ? result with
            {
                Failure = new Failure(
                    Reason.UpstreamRefused, "", Detail: $"{deployment.Id} answered {(int)response.StatusCode}"),
            }
            : result;
    }

    /// <summary>The name the client used, to put back where the upstream says its own; empty where both
    /// agree.</summary>
    private ReadOnlyMemory<byte> ResponseModelJson() => deployment.UpstreamModel == x.Facts.Model
        ? default
        : x.Body!.WrittenMemory.Slice(x.Facts.ModelValue.Start, x.Facts.ModelValue.Length);

    private void Settle(StreamObserver observer)
    {
        Note(observer);
        x.Status = 200;
        Settlement.Write(x, runtime, UsageOutcome.Completed, Reason.None);
    }

    /// <summary>Keeps what the stream has told of usage so far. Where it broke off before the final count, a content
    /// event counts as a token.</summary>
    private void Note(StreamObserver observer)
    {
        if (x.Settled || (!observer.Started && observer.ContentEvents == 0))
        {
            return;
        }

        bool counted = observer.Usage.Known && observer.Terminated;
        TokenUsage part = TokensOf(observer.Usage, counted ? 0 : observer.ContentEvents);
        x.Tokens = x.Answer?.Add(part, observer) ?? part;
        x.TokensEstimated = !counted || x.Answer is { IsCounted: false };
    }

    private TokenUsage TokensOf(WireUsage usage, long atLeastOutput) => usage.Known
        ? new TokenUsage(usage.Input, usage.CacheRead, usage.CacheWrite, Math.Max(usage.Output, atLeastOutput))
        : new TokenUsage(x.Facts.EstimatedInputTokens, 0, 0, atLeastOutput);

    private AttemptResult Unauthorized(ProviderCredentialException e) =>
        AttemptResult.Elsewhere(new Failure(
            e.IsTransient ? Reason.UpstreamUnavailable : Reason.UpstreamAccount,
            "The pool's own account cannot be used at its provider; the operator has been told. Try again later.",
            Detail: $"deployment {deployment.Id}: {e.Message}")) with
        {
            Kind = e.IsTransient ? FailureKind.Failure : FailureKind.Account,
        };

    private AttemptResult Stopped(AttemptClock clock)
    {
        bool begun = x.Stream is { HasContent: true };
        if (runtime.Cut.IsCancellationRequested)
        {
            return AttemptResult.Fail(
                new Failure(Reason.Draining, "The server is shutting down; send the request again.", null, 1),
                blame: false);
        }

        // Opening a connection has a deadline of its own, inside the handler.
        string ranOut = clock.Token.IsCancellationRequested
            ? clock.Describe()
            : $"no connection within {deployment.Config.Timeouts.ConnectSeconds} s";
        var failure = new Failure(
            Reason.UpstreamTimeout,
            $"The provider did not answer in time ({ranOut}); try again.",
            Detail: $"deployment {deployment.Id}: {ranOut}");
        return begun ? AttemptResult.Fail(failure) : AttemptResult.Elsewhere(failure);
    }

    private AttemptResult Broken(Exception e)
    {
        bool begun = x.Stream is { HasContent: true } || (x.Stream is null && x.Http.Response.HasStarted);
        var failure = new Failure(
            UpstreamFault.ReasonOf(e),
            begun ? "The provider broke off in the middle of the answer; try again."
                : "The provider could not be reached or broke off; try again.",
            Detail: $"deployment {deployment.Id}: {UpstreamFault.Describe(e)}");
        return begun ? AttemptResult.Fail(failure) : AttemptResult.Elsewhere(failure);
    }
}
