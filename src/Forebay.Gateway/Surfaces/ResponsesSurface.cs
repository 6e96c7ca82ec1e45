using System.Text;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.Gateway.Pinning;
using Forebay.Gateway.Pipeline;
using Forebay.Gateway.Providers;
using Forebay.Gateway.Relay;
using Forebay.Gateway.Replies;
using Forebay.Gateway.Upstreams;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Surfaces;

/// <summary>
/// What is below /v1/responses/{id}: a response that an upstream stores is read, listed, cancelled or deleted at the
/// account that issued it to this tenant. Free: it takes no place, counts towards no limit and is not metered.
/// </summary>
internal sealed class ResponsesSurface(GatewayRuntime runtime)
{
    private static readonly UpstreamTimeoutsConfig Patience = new()
    {
        FirstByteSeconds = 20, IdleSeconds = 10, TotalSeconds = 60,
    };

    /// <summary>Queries that are passed on; another may hold the client's credential.</summary>
    private static readonly string[] Queries = ["include", "include[]", "limit", "order", "after", "before"];

    public async Task HandleAsync(Exchange x, StoredResponse stored)
    {
        Failure failure;
        try
        {
            failure = await RunAsync(x, stored);
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

        // An upstream's own refusal went back word for word.
        if (!failure.IsNone && !x.Http.Response.HasStarted)
        {
            await ErrorReply.SendAsync(x.Http, x.Wire, failure, x.IdText);
            runtime.Failures.Write(x, failure);
        }
    }

    private async Task<Failure> RunAsync(Exchange x, StoredResponse stored)
    {
        Failure failure = Authentication.Check(x, runtime);
        if (!failure.IsNone)
        {
            return failure;
        }

        Account? issuer = Pinned.IssuerOf(x, runtime, Encoding.ASCII.GetBytes(stored.Id));
        Deployment? deployment = issuer is null ? null : Find(x, issuer);
        if (deployment is null || runtime.Upstreams.Lease(deployment) is not { } upstream)
        {
            // In the vendor's words, which clients know.
            return new Failure(Reason.NoSuchPath, $"Response with id '{stored.Id}' not found.");
        }

        try
        {
            return await AskAsync(x, stored, deployment, upstream);
        }
        finally
        {
            upstream.Release();
        }
    }

    /// <summary>A deployment of the account that the caller may use as things are now.</summary>
    private static Deployment? Find(Exchange x, Account issuer)
    {
        if (!AskedPlaces.Read(x, out PermissionRules rules).IsNone)
        {
            return null;
        }

        x.Rules = rules;
        x.RulesKnown = true;
        foreach (ServedModel model in x.Fleet.Models)
        {
            bool mayUse = Policing.MaySee(x, model) && (x.Key!.Models is not { } models || models.Contains(model.Id));
            x.Model = mayUse ? model : null;
            if (!mayUse)
            {
                continue;
            }

            foreach (Deployment deployment in Policing.PermitOf(x, x.InForce).Set.Deployments)
            {
                if (deployment.Account == issuer && deployment.Speaks(Dialect.Responses))
                {
                    return deployment;
                }
            }
        }

        return null;
    }

    private async Task<Failure> AskAsync(
        Exchange x, StoredResponse stored, Deployment deployment, Upstream upstream)
    {
        using var clock = new AttemptClock(Patience, runtime.Time, x.Http.RequestAborted, runtime.Cut);
        try
        {
            ProviderAdapter adapter = upstream.Adapter;
            using HttpRequestMessage request = RequestOf(x, stored, adapter);
            await adapter.AuthorizeAsync(request, Dialect.Responses, clock.Token);
            if (PermissionGuard.Check(x, deployment, runtime) != GuardVerdict.Send)
            {
                return PermissionGuard.Refused(deployment);
            }

            using HttpResponseMessage response = await upstream.Invoker.SendAsync(request, clock.Token);
            AnswerMeaning meaning = adapter.MeaningOf(response);
            if (meaning is not (AnswerMeaning.Success or AnswerMeaning.Refusal))
            {
                return UpstreamVerdict.Of(response, meaning, deployment).Failure;
            }

            x.Deployment = deployment;
            AttemptResult result = await BodyRelay.RunVerbatimAsync(
                x, response, clock, runtime, static () => { }, adapter);
            return result.End == AttemptEnd.Served ? Failure.None : result.Failure;
        }
        catch (Exception e) when (
            (UpstreamFault.Is(e) || e is OperationCanceledException or ProviderCredentialException) && !x.ClientGone)
        {
            return new Failure(
                UpstreamFault.Is(e) ? UpstreamFault.ReasonOf(e)
                    : e is ProviderCredentialException ? Reason.UpstreamAccount
                    : Reason.UpstreamTimeout,
                "The provider that holds the response could not be reached; try again.",
                Detail: $"deployment {deployment.Id}: {UpstreamFault.Describe(e)}");
        }
    }

    private static HttpRequestMessage RequestOf(Exchange x, StoredResponse stored, ProviderAdapter adapter)
    {
        var query = new QueryString();
        foreach (string name in Queries)
        {
            foreach (string? value in x.Http.Request.Query[name])
            {
                query = query.Add(name, value ?? "");
            }
        }

        string method = x.Http.Request.Method;
        return new HttpRequestMessage(
            new HttpMethod(method == HttpMethods.Head ? HttpMethods.Get : method),
            adapter.StoredResponseUri(stored.Path + query.ToUriComponent()));
    }
}
