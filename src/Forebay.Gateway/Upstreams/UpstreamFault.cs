using System.Net.Sockets;
using Forebay.Core.Errors;

namespace Forebay.Gateway.Upstreams;

/// <summary>What an exception on the way to or from an upstream means, and what may be said of it in the log.</summary>
internal static class UpstreamFault
{
    /// <summary>Whether an exception is the upstream's or the network's doing.</summary>
    public static bool Is(Exception e) => e is HttpRequestException or IOException or InvalidDataException;

    public static Reason ReasonOf(Exception e) => e switch
    {
        InvalidDataException => Reason.UpstreamProtocol,
        // The limit is that of an answer's headers.
        HttpRequestException
        {
            HttpRequestError: HttpRequestError.InvalidResponse or HttpRequestError.ConfigurationLimitExceeded,
        } => Reason.UpstreamProtocol,
        HttpRequestException { HttpRequestError: HttpRequestError.ResponseEnded } => Reason.UpstreamCut,
        // The connection stood, the request went out, the answer did not come: cut, not unreachable.
        HttpRequestException { HttpRequestError: HttpRequestError.Unknown, InnerException: IOException } =>
            Reason.UpstreamCut,
        HttpRequestException => Reason.UpstreamUnavailable,
        _ => Reason.UpstreamCut,
    };

    /// <summary>
    /// The fault in words for an operator. The exception's own words are used only where they were made before the
    /// upstream said anything: those about its answer quote the answer, which may quote the prompt.
    /// </summary>
    public static string Describe(Exception e) => e switch
    {
        HttpRequestException
        {
            HttpRequestError: HttpRequestError.NameResolutionError
                or HttpRequestError.ConnectionError
                or HttpRequestError.SecureConnectionError,
        } => CauseOf(e),
        HttpRequestException { HttpRequestError: HttpRequestError.Unknown, InnerException: { } inner } => Name(inner),
        HttpRequestException { HttpRequestError: var error } => error.ToString(),
        HttpIOException { HttpRequestError: var error } => error.ToString(),
        _ => Name(e),
    };

    /// <summary>The outermost message that says more than to look inside.</summary>
    private static string CauseOf(Exception e) =>
        e.InnerException is { } inner && e.Message.Contains("inner exception", StringComparison.OrdinalIgnoreCase)
            ? CauseOf(inner)
            : e.Message;

    private static string Name(Exception e) =>
        e is SocketException socket ? socket.SocketErrorCode.ToString()
        : e.InnerException is SocketException within ? within.SocketErrorCode.ToString()
        : e.GetType().Name;
}
