namespace Forebay.Protocols;

/// <summary>What a whole (not streamed) response body told.</summary>
public struct ResponseFacts
{
    /// <summary>Token counts; not known where the body reports none.</summary>
    public WireUsage Usage { get; set; }

    /// <summary>Whether a reported count was impossible and had to be clamped or left out.</summary>
    public bool IsUsageSuspect { get; set; }

    /// <summary>The stop reason, or the finish reason of the last choice.</summary>
    public string? StopReason { get; set; }

    /// <summary>The model's JSON string token, quotes included; empty where absent. For splicing the client's name
    /// back in.</summary>
    public ByteRange ModelValue { get; set; }

    /// <summary>Whether the body is an error envelope, whatever its status was.</summary>
    public bool IsError { get; set; }

    public string? ErrorType { get; set; }

    public string? ErrorMessage { get; set; }

    /// <summary>The result of counting tokens; null for other bodies.</summary>
    public long? CountedInputTokens { get; set; }
}
