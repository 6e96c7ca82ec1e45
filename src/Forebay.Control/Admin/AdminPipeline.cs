using System.Diagnostics.Metrics;
using System.Net;
using System.Security.Cryptography;
using Forebay.Control.Access;
using Forebay.Control.Errors;
using Forebay.Control.Telemetry;
using Forebay.Core.Access;
using Forebay.Core.Limits;
using Forebay.Core.Time;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.Admin;

/// <summary>What happens around every handler: request id, security headers, authorisation, errors.</summary>
internal sealed class AdminPipeline(
    AdminServices services,
    AdminServerOptions options,
    ILogger<AdminServer> logger)
{
    private const int StrangersLinesPerMinute = 600;

    private static readonly object CallKey = new();
    private static readonly Meter AdminMeter = new(FleetMetrics.MeterName);
    private static readonly Counter<long> LinesDropped = AdminMeter.CreateCounter<long>(
        "forebay.admin.log_lines.dropped", "{line}", "Log lines about unauthenticated calls that were left out.");

    private readonly TokenBucket _strangers = new();

    /// <summary>First step: headers of every answer, and one place that turns failures into words.</summary>
    public async Task GuardAsync(HttpContext context, RequestDelegate next)
    {
        var call = new AdminCall(context, "req_" + RandomNumberGenerator.GetHexString(24, lowercase: true));
        context.Items[CallKey] = call;
        SetHeaders(context.Response.Headers, call.RequestId);
        try
        {
            await next(context).ConfigureAwait(false);
            if (!context.Response.HasStarted && context.Response.ContentLength is null)
            {
                await ExplainBareStatusAsync(call).ConfigureAwait(false);
            }
        }
        catch (RefusedException e)
        {
            logger.Refused(call.RequestId, context.Request.Method, e.Kind, e.Message);
            await AnswerAsync(call, () => AdminProblems.WriteAsync(call, e)).ConfigureAwait(false);
        }
        catch (BadHttpRequestException e)
        {
            string words = e.StatusCode == StatusCodes.Status413PayloadTooLarge
                ? $"The body is larger than {AdminServer.MaxBodyBytes} bytes, more than any call needs."
                : e.Message;
            await AnswerAsync(call, () => AdminProblems.WriteAsync(call, e.StatusCode, words)).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The caller went away; there is nobody to answer.
        }
        catch (Exception e)
        {
            logger.CallFailed(e, call.RequestId, context.Request.Method, context.Request.Path.Value ?? "");
            await AnswerAsync(call, () => AdminProblems.WriteAsync(
                call,
                StatusCodes.Status500InternalServerError,
                $"Something broke in the server. Its log tells more under {call.RequestId}.")).ConfigureAwait(false);
        }
    }

    /// <summary>Second step, after routing: the caller's role against the table of routes.</summary>
    public async Task AuthoriseAsync(HttpContext context, RequestDelegate next)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<AdminRoute>() is { Access.Role: { } needed } route)
        {
            AdminCall call = CallOf(context);
            if (!(route.Access.OpenLocally && MayReadWithoutToken(context))
                && !await AuthoriseAsync(call, needed).ConfigureAwait(false))
            {
                return;
            }
        }

        await next(context).ConfigureAwait(false);
    }

    public static AdminCall CallOf(HttpContext context) => (AdminCall)context.Items[CallKey]!;

    private async Task<bool> AuthoriseAsync(AdminCall call, AdminRole needed)
    {
        string? secret = BearerOf(call.Http.Request);
        AdminToken? token = secret is null ? null : services.Tokens.Find(secret);
        string? refusal = secret is null ? "Send an admin token: Authorization: Bearer fbadm-..."
            : token is null ? "The token is not known here. Check that it is whole and belongs to this server."
            : token.RevokedUnixMs is not null ? $"Token {token.Id} was revoked. Ask an admin for a new one."
            : !services.Tokens.IsUsable(token) ? $"Token {token.Id} has expired. Ask an admin for a new one."
            : null;
        if (refusal is not null)
        {
            LogUnauthenticated(call, token);
            call.Http.Response.Headers.WWWAuthenticate = "Bearer realm=\"forebay-admin\"";
            await AdminProblems.WriteAsync(call, StatusCodes.Status401Unauthorized, refusal).ConfigureAwait(false);
            return false;
        }

        call.Caller = token;
        if (token!.Role >= needed)
        {
            return true;
        }

        logger.RoleTooLow(call.RequestId, token.Id, token.Role, needed);
        await AdminProblems.WriteAsync(
            call,
            StatusCodes.Status403Forbidden,
            $"This needs the role {Roles.NameOf(needed)}; token {token.Id} has the role {Roles.NameOf(token.Role)}. " +
            "Use another token.").ConfigureAwait(false);
        return false;
    }

    /// <summary>Anybody can cause these lines: only so many a minute are written, so that they cannot fill the disk.
    /// </summary>
    private void LogUnauthenticated(AdminCall call, AdminToken? token)
    {
        if (_strangers.TryTake(1, StrangersLinesPerMinute, Instant.From(services.Time), out _))
        {
            logger.Unauthenticated(call.RequestId, call.Http.Connection.RemoteIpAddress, token?.Id ?? "none");
        }
        else
        {
            LinesDropped.Add(1);
        }
    }

    private static string? BearerOf(HttpRequest request)
    {
        const string scheme = "Bearer ";
        return request.Headers.Authorization is [{ } value]
            && value.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)
            && value.AsSpan(scheme.Length).Trim() is { IsEmpty: false } secret
                ? secret.ToString()
                : null;
    }

    /// <summary>
    /// Whether the caller is a process on this machine that asks for this machine. A proxy's headers or a foreign host
    /// name (a browser led here by DNS rebinding) mean that somebody else asks through it.
    /// </summary>
    private bool MayReadWithoutToken(HttpContext context)
    {
        IHeaderDictionary headers = context.Request.Headers;
        string host = context.Request.Host.Host.Trim('[', ']');
        return options.OpenLocalMetrics
            && context.Connection.RemoteIpAddress is { } remote && IPAddress.IsLoopback(remote)
            && !headers.ContainsKey("Forwarded")
            && !headers.ContainsKey("X-Forwarded-For")
            && !headers.ContainsKey("Via")
            && (host == "localhost" || (IPAddress.TryParse(host, out IPAddress? named) && IPAddress.IsLoopback(named)));
    }

    private static Task ExplainBareStatusAsync(AdminCall call) => call.Http.Response.StatusCode switch
    {
        404 => AdminProblems.WriteAsync(call, 404, "The admin API has no such path; docs/reference/admin-api.md " +
            "lists them. Models are served on the other port."),
        405 => AdminProblems.WriteAsync(call, 405,
            $"This path takes {call.Http.Response.Headers.Allow}; docs/reference/admin-api.md lists what each does."),
        _ => Task.CompletedTask,
    };

    private static Task AnswerAsync(AdminCall call, Func<Task> write)
    {
        if (call.Http.Response.HasStarted)
        {
            // Half an answer is out: cutting the connection tells the caller that it is not whole.
            call.Http.Abort();
            return Task.CompletedTask;
        }

        return write();
    }

    private void SetHeaders(IHeaderDictionary headers, string requestId)
    {
        headers["request-id"] = requestId;
        headers.CacheControl = "no-store";
        headers.XContentTypeOptions = "nosniff";
        headers.ContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'";
        headers["Referrer-Policy"] = "no-referrer";
        if (options.Certificate is not null)
        {
            headers.StrictTransportSecurity = "max-age=31536000";
        }
    }
}
