using System.Buffers;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Time;
using Forebay.Gateway.Pipeline;
using Forebay.Gateway.Relay;
using Forebay.Gateway.Replies;
using Forebay.Gateway.Telemetry;
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

    public async Task HandleAsync(Exchange x)
    {
        Failure failure;
        try
        {
            failure = await RunAsync(x);
        }
        catch (Exception) when (x.Http.RequestAborted.IsCancellationRequested)
        {
            return;
        }
        finally
        {
            x.Body?.Dispose();
        }

        if (!failure.IsNone)
        {
            await ErrorReply.SendAsync(x.Http, x.Wire, failure, x.IdText);
            Log.RequestFailed(runtime.Logger, x, failure);
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
            failure = Policing.Check(x);
        }

        if (!failure.IsNone)
        {
            return failure;
        }

        for (int i = 0; i < Math.Min(x.EligibleCount, x.Settings.MaxAttempts); i++)
        {
            if (await TryAsync(x, x.Eligible[i]))
            {
                return Failure.None;
            }
        }

        x.Http.Response.Headers[EstimateHeader] = "true";
        var body = new ArrayBufferWriter<byte>(64);
        CountTokens.Write(body, x.Facts.EstimatedInputTokens);
        x.Http.Response.ContentType = "application/json";
        x.Http.Response.ContentLength = body.WrittenCount;
        await x.Http.Response.Body.WriteAsync(body.WrittenMemory, x.Http.RequestAborted);
        return Failure.None;
    }

    /// <summary>True when the client has its answer: a count, or the upstream's own 4xx other than "no such path".
    /// </summary>
    private async Task<bool> TryAsync(Exchange x, Deployment deployment)
    {
        Upstream? upstream = runtime.Upstreams.Lease(deployment);
        if (upstream is null
            || runtime.State.Of(deployment).DownUntilMonotonicNs > Instant.From(runtime.Time).MonotonicNs)
        {
            upstream?.Release();
            return false;
        }

        using var clock = new AttemptClock(
            deployment.Config.Timeouts, runtime.Time, x.Http.RequestAborted, runtime.Cut);
        try
        {
            ReadOnlyMemory<byte> rename = deployment.UpstreamModel == x.Facts.Model ? default : upstream.ModelJson;
            using var request = new HttpRequestMessage(
                HttpMethod.Post, upstream.CountTokensUri(x.Http.Request.QueryString.Value))
            {
                Content = new SplicedContent(
                    x.Body!.WrittenMemory, RequestSplicer.For(in x.Facts, x.Body.Written, rename, false)),
            };
            HeaderPolicy.CopyRequest(
                x.Http.Request.Headers, request, Dialect.Anthropic, deployment.Backing, upstream.Secret);
            using HttpResponseMessage response = await upstream.Invoker.SendAsync(request, clock.Token);
            int status = (int)response.StatusCode;
            if (!UpstreamVerdict.IsSuccess(response.StatusCode)
                && (status == 404 || !UpstreamVerdict.IsVerbatim(response.StatusCode)))
            {
                return false;
            }

            x.Deployment = deployment;
            PipelineHeaders.Served(x, deployment);
            AttemptResult result = await BodyRelay.RunVerbatimAsync(x, response, clock, runtime, static () => { });
            return result.End == AttemptEnd.Served;
        }
        catch (Exception e) when ((UpstreamFault.Is(e) || e is OperationCanceledException)
            && !x.Http.RequestAborted.IsCancellationRequested)
        {
            return false;
        }
        finally
        {
            upstream.Release();
        }
    }
}
