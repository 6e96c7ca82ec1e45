using System.Buffers;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Gateway.Pinning;
using Forebay.Gateway.Pipeline;
using Forebay.Gateway.Providers;
using Forebay.Gateway.Relay;
using Forebay.Gateway.Replies;
using Forebay.Gateway.Translation;
using Forebay.Gateway.Upstreams;
using Forebay.Protocols;

namespace Forebay.Gateway.Surfaces;

/// <summary>
/// POST /v1/messages/count_tokens: asks a deployment of the model, and answers with our own estimate (named so in a
/// header) when none can tell. Counting is free: it takes no place, counts towards no limit and is not metered.
/// </summary>
internal sealed class CountTokensSurface(GatewayRuntime runtime)
{
    private const string EstimateHeader = "x-forebay-estimate";

    /// <summary>A count is quick or not worth waiting for: clients ask for one before nearly every request.</summary>
    private static readonly UpstreamTimeoutsConfig Patience = new()
    {
        FirstByteSeconds = 5, IdleSeconds = 5, TotalSeconds = 10,
    };

    public async Task HandleAsync(Exchange x)
    {
        Failure failure;
        try
        {
            failure = await RunAsync(x);
        }
        catch (Exception) when (x.ClientGone)
        {
            return;
        }
        catch (Exception e)
        {
            failure = new Failure(Reason.Internal, "Something went wrong inside the gateway; try again.",
                Detail: e.ToString());
        }
        finally
        {
            x.Body?.Dispose();
        }

        if (!failure.IsNone)
        {
            await ErrorReply.SendAsync(x.Http, x.Wire, failure, x.IdText);
            runtime.Failures.Write(x, failure);
        }
    }

    private async Task<Failure> RunAsync(Exchange x)
    {
        Failure failure = Authentication.Check(x, runtime);
        if (failure.IsNone)
        {
            failure = await Acceptance.ReadAsync(x, runtime, countTokens: true);
        }

        if (failure.IsNone)
        {
            failure = Policing.Check(x, runtime.State);
        }

        if (!failure.IsNone)
        {
            return failure;
        }

        // A count that only another account's deployment could give is estimated.
        if (Pinned.Check(x, runtime).IsNone && await TryAsync(x))
        {
            return Failure.None;
        }

        x.Http.Response.Headers[EstimateHeader] = "true";
        var body = new ArrayBufferWriter<byte>(64);
        CountTokens.Write(body, x.ExpectedInputTokens);
        x.Http.Response.ContentType = "application/json";
        x.Http.Response.ContentLength = body.WrittenCount;
        await x.Http.Response.Body.WriteAsync(body.WrittenMemory, x.Http.RequestAborted);
        return Failure.None;
    }

    /// <summary>Asks the least loaded deployment that speaks the dialect: the other has no such question. True when the
    /// client has its answer: a count, or the upstream's own 4xx other than "no such path". It takes a place like any
    /// request, so counting cannot flood an engine.</summary>
    private async Task<bool> TryAsync(Exchange x)
    {
        Translating.KeepNative(x);
        // Counting takes no place that somebody waits for.
        if (runtime.State.QueueOf(x.Model!).Count > 0 || !Routing.TryEnter(x, runtime, x.Eligible, [], tokens: 1))
        {
            return false;
        }

        Deployment deployment = x.Route.Deployment;

        Upstream? upstream = runtime.Upstreams.Lease(deployment);
        using var clock = new AttemptClock(Patience, runtime.Time, x.Http.RequestAborted, runtime.Cut);
        try
        {
            if (upstream is null || PermissionGuard.Check(x, deployment, runtime) != GuardVerdict.Send)
            {
                return false;
            }

            ProviderAdapter adapter = upstream.Adapter;
            if (!adapter.Does(ProviderCall.CountTokens, Dialect.Anthropic))
            {
                return false;
            }

            using HttpRequestMessage request = adapter.Build(RequestOf(x));
            await adapter.AuthorizeAsync(request, Dialect.Anthropic, clock.Token);
            using HttpResponseMessage response = await upstream.Invoker.SendAsync(request, clock.Token);
            AnswerMeaning meaning = adapter.MeaningOf(response);
            if (meaning is not (AnswerMeaning.Success or AnswerMeaning.Refusal) || (int)response.StatusCode == 404)
            {
                return false;
            }

            x.Deployment = deployment;
            AttemptResult result = await BodyRelay.RunVerbatimAsync(
                x, response, clock, runtime, static () => { }, adapter);
            return result.End == AttemptEnd.Served;
        }
        catch (Exception e) when (
            (UpstreamFault.Is(e) || e is OperationCanceledException or ProviderCredentialException
                or ProviderRequestException) && !x.ClientGone)
        {
            return false;
        }
        finally
        {
            upstream?.Release();
            Routing.Leave(x, runtime);
        }
    }

    private static ProviderRequest RequestOf(Exchange x) => new()
    {
        Call = ProviderCall.CountTokens,
        Dialect = Dialect.Anthropic,
        Query = x.Http.Request.QueryString.Value,
        Headers = x.Http.Request.Headers,
        Body = x.Body!.WrittenMemory,
        Facts = x.Facts,
    };
}
