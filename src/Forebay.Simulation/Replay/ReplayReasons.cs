namespace Forebay.Simulation.Replay;

/// <summary>Failures that only the client sees. All other reasons are the server's own words.</summary>
public static class ReplayReasons
{
    /// <summary>No connection: refused, no route, no such host, TLS failed.</summary>
    public const string ConnectFailed = "connect_failed";

    /// <summary>The connection broke while sending or reading.</summary>
    public const string ConnectionCut = "connection_cut";

    /// <summary>The stream closed in order but before its end event.</summary>
    public const string EndedEarly = "ended_early";

    /// <summary>The answer is not what its dialect says.</summary>
    public const string MalformedAnswer = "malformed_answer";

    /// <summary>No whole answer within the request timeout.</summary>
    public const string TimedOut = "timed_out";
}
