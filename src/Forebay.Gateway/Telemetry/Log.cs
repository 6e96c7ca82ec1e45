using Forebay.Core.Errors;
using Forebay.Gateway.Pipeline;
using Forebay.Protocols;
using Microsoft.Extensions.Logging;

namespace Forebay.Gateway.Telemetry;

/// <summary>Log events of the gateway: 1000 to 1999. Prompts, answers and secrets never appear.</summary>
internal static partial class Log
{
    /// <summary>One line per failed request, with its one reason.</summary>
    public static void RequestFailed(ILogger logger, Exchange x, Failure failure)
    {
        ReasonRow row = ReasonTable.For(failure.Reason);
        LogLevel level = row.Severity switch
        {
            Severity.Error => LogLevel.Error,
            Severity.Warning => LogLevel.Warning,
            _ => LogLevel.Information,
        };
        RequestFailed(
            logger, level, x.IdText, row.Label, x.Status, x.Tenant?.Id, x.Model?.Id, x.Deployment?.Id, x.Attempts,
            failure.Detail);
    }

    [LoggerMessage(1001, LogLevel.Warning,
        "Request {RequestId}: {Reason} at deployment {Deployment}, trying elsewhere. {Detail}")]
    public static partial void Retrying(
        ILogger logger, string requestId, string deployment, string reason, string? detail);

    [LoggerMessage(1002, LogLevel.Information, "Serving clients on {Addresses}.")]
    public static partial void Listening(ILogger logger, string addresses);

    [LoggerMessage(1003, LogLevel.Information, "Draining: new requests are turned away; {InFlight} in flight.")]
    public static partial void Draining(ILogger logger, int inFlight);

    [LoggerMessage(1004, LogLevel.Warning, "Drain time is over: {InFlight} streams are ended with a retriable error.")]
    public static partial void Cutting(ILogger logger, int inFlight);

    [LoggerMessage(1005, LogLevel.Critical, "An invariant is broken while finishing request {RequestId}.")]
    public static partial void InvariantBroken(ILogger logger, string requestId, Exception exception);

    [LoggerMessage(1006, LogLevel.Warning,
        "Clients are served without TLS on {Address}, which is not a loopback address: keys and prompts travel in " +
        "the clear. Set server.api.tls.")]
    public static partial void NoTls(ILogger logger, string address);

    [LoggerMessage(1007, LogLevel.Error,
        "Request {RequestId} was held back: it was about to go to deployment {Deployment} at site {Site}, which is " +
        "not permitted for tenant {Tenant} and model {Model}. This is a defect; report it.")]
    public static partial void ViolationPrevented(
        ILogger logger, string requestId, string deployment, string site, string tenant, string model);

    [LoggerMessage(1009, LogLevel.Information,
        "Request {RequestId}: an answer that broke off was gone on with to its end at deployment {Deployment}, after " +
        "{Times} changes.")]
    public static partial void Continued(ILogger logger, string requestId, string deployment, int times);

    [LoggerMessage(1008, LogLevel.Information,
        "Request {RequestId}: the answer that broke off at deployment {Deployment} cannot be gone on with: {Bar}.")]
    public static partial void NotContinued(ILogger logger, string requestId, string deployment, ContinuationBar bar);

    [LoggerMessage(1021, LogLevel.Error,
        "Looking after those who wait failed; it is done again within a moment. This is a defect; report it.")]
    public static partial void QueueClockFailed(ILogger logger, Exception exception);

    [LoggerMessage(1020, LogLevel.Warning,
        "Request {RequestId}: deployment {Deployment} reported {ToldPrompt} prompt and {ToldOutput} output tokens, " +
        "which the model cannot have; {Prompt} and {Output} are charged. Check the upstream, or the model's " +
        "context_tokens and max_output_tokens.")]
    public static partial void ImplausibleUsage(
        ILogger logger,
        string requestId,
        string deployment,
        long toldPrompt,
        long toldOutput,
        long prompt,
        long output);

    [LoggerMessage(EventId = 1000, Message =
        "Request {RequestId} failed: {Reason} (status {Status}, tenant {Tenant}, model {Model}, deployment " +
        "{Deployment}, attempts {Attempts}). {Detail}")]
    private static partial void RequestFailed(
        ILogger logger,
        LogLevel level,
        string requestId,
        string reason,
        int status,
        string? tenant,
        string? model,
        string? deployment,
        int attempts,
        string? detail);
}
