using Forebay.Core.Access;
using Forebay.Core.Errors;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Pipeline;

/// <summary>Step 1: who calls, from the headers alone, before a byte of the body is read.</summary>
internal static class Authentication
{
    private const string Bearer = "Bearer ";

    public static Failure Check(Exchange x, GatewayRuntime runtime)
    {
        if (runtime.State.Draining)
        {
            x.Http.Response.Headers.Connection = "close";
            return new Failure(Reason.Draining, "The server is shutting down; send the request again.", null, 1);
        }

        // Items of batches were handed over under a key, which must still be good.
        KeyCheck check = x.Batch is { } run
            ? runtime.State.Keys.CheckId(run.Key, x.Accepted, out ApiKey? key)
            : runtime.State.Keys.Check(SecretOf(x.Http.Request.Headers), x.Accepted, out key, x.Memo);
        switch (check)
        {
            case KeyCheck.Missing:
                return new Failure(
                    Reason.Unauthenticated,
                    "No API key was sent. Send one as 'x-api-key: KEY' or 'Authorization: Bearer KEY'.");
            case KeyCheck.Unknown:
                return new Failure(
                    Reason.Unauthenticated, "This API key is not known here. Check it, or ask for a new one.");
            case KeyCheck.Expired:
                return new Failure(
                    Reason.Unauthenticated, $"API key {key!.Id} has expired. Ask for a new one.");
            case KeyCheck.Revoked:
                return new Failure(
                    Reason.Unauthenticated, $"API key {key!.Id} was revoked. Ask for a new one.");
        }

        x.Key = key;
        x.Tenant = x.Fleet.FindTenant(key!.Tenant);
        if (x.Tenant is null)
        {
            return new Failure(
                Reason.NotPermitted,
                $"API key {key.Id} belongs to a tenant that is no longer configured. Ask the operator.");
        }

        return runtime.Journal.Writable
            ? Failure.None
            : new Failure(
                Reason.JournalUnavailable,
                "Usage cannot be recorded right now, so nothing is served; try again shortly.", null, 1);
    }

    /// <summary>x-api-key wins where both are sent, as it does at the vendors.</summary>
    public static ReadOnlySpan<char> SecretOf(IHeaderDictionary headers)
    {
        string? direct = headers["x-api-key"];
        if (!string.IsNullOrEmpty(direct))
        {
            return direct;
        }

        string? authorization = headers.Authorization;
        return authorization is not null && authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            ? authorization.AsSpan(Bearer.Length).Trim()
            : [];
    }
}
