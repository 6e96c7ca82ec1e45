namespace Forebay.Simulation.Replay;

/// <summary>How a sent request ended.</summary>
internal enum ReplayEnd : byte
{
    Succeeded,
    Failed,

    /// <summary>The run was stopped before the answer was whole.</summary>
    Interrupted,
}

/// <summary>What came of one sent request.</summary>
internal sealed record ReplayOutcome
{
    public required ReplayDialect Dialect { get; init; }

    public required string Model { get; init; }

    /// <summary>Lengths that the trace asked for.</summary>
    public required int AskedInputTokens { get; init; }

    public required int AskedOutputTokens { get; init; }

    public ReplayEnd End { get; init; }

    /// <summary>Why it failed; null when it did not.</summary>
    public string? Reason { get; init; }

    /// <summary>What the server or the connection said about the failure.</summary>
    public string Message { get; init; } = "";

    /// <summary>HTTP status; 0 when there was no answer.</summary>
    public int Status { get; init; }

    /// <summary>The server's id of the request, to find it in its logs.</summary>
    public string? RequestId { get; init; }

    public string? Provider { get; init; }

    public string? Deployment { get; init; }

    public string? Backing { get; init; }

    /// <summary>Sent to first piece of the answer; null when none came.</summary>
    public double? TimeToFirstTokenMs { get; init; }

    /// <summary>First to last piece over the tokens between; null for answers of one token or without usage.</summary>
    public double? TimePerOutputTokenMs { get; init; }

    /// <summary>Sent to the end.</summary>
    public double TotalMs { get; init; }

    /// <summary>Tokens that the server reported.</summary>
    public long InputTokens { get; init; }

    /// <summary>What of the prompt was read from a prefix cache.</summary>
    public long CachedInputTokens { get; init; }

    public long OutputTokens { get; init; }

    /// <summary>Place in its conversation, from 1.</summary>
    public int Turn { get; init; } = 1;
}
