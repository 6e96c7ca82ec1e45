using System.Net;
using Forebay.Control.Errors;
using Forebay.Core.Access;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.Admin;

/// <summary>Log events 2100-2199.</summary>
internal static partial class Log
{
    [LoggerMessage(2100, LogLevel.Information, "The admin API listens on {Address}.")]
    public static partial void Listening(this ILogger logger, string address);

    [LoggerMessage(2101, LogLevel.Warning,
        "The admin API listens on {Address} without TLS: tokens cross the network in clear. " +
        "Set server.admin.tls, or listen on 127.0.0.1.")]
    public static partial void PlainOffLoopback(this ILogger logger, string address);

    [LoggerMessage(2102, LogLevel.Warning, "{RequestId}: unauthenticated call from {Remote}, token {Token}.")]
    public static partial void Unauthenticated(
        this ILogger logger, string requestId, IPAddress? remote, string token);

    [LoggerMessage(2103, LogLevel.Warning, "{RequestId}: token {Token} has the role {Role}, {Needed} is needed.")]
    public static partial void RoleTooLow(
        this ILogger logger, string requestId, string token, AdminRole role, AdminRole needed);

    [LoggerMessage(2104, LogLevel.Information, "{RequestId}: {Method} refused as {Kind}: {Detail}")]
    public static partial void Refused(
        this ILogger logger, string requestId, string method, RefusalKind kind, string detail);

    [LoggerMessage(2105, LogLevel.Error, "{RequestId}: {Method} {Path} failed.")]
    public static partial void CallFailed(
        this ILogger logger, Exception exception, string requestId, string method, string path);
}
