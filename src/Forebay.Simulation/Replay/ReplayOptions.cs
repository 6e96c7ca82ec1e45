namespace Forebay.Simulation.Replay;

/// <summary>Which wire format a replay speaks.</summary>
public enum ReplayDialect : byte
{
    /// <summary>Each request draws one of the two.</summary>
    Mixed,

    /// <summary>Anthropic Messages.</summary>
    Anthropic,

    /// <summary>OpenAI chat completions.</summary>
    OpenAi,
}

/// <summary>How to replay a trace.</summary>
public sealed record ReplayOptions
{
    /// <summary>The server, without <c>/v1</c>; http or https.</summary>
    public required Uri BaseUrl { get; init; }

    public required string ApiKey { get; init; }

    /// <summary>The models asked for and how often each.</summary>
    public required ModelMix Models { get; init; }

    public ReplayDialect Dialect { get; init; } = ReplayDialect.Mixed;

    /// <summary>Arrivals per arrival of the trace: 2 sends an hour of trace in half an hour. Above 0.</summary>
    public double Speed { get; init; } = 1;

    /// <summary>Decides each request's model and dialect.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>
    /// Goes into every prompt, so that a run's prompts differ from those of the runs before it and no prefix cache
    /// answers for work done then.
    /// </summary>
    public required ulong RunId { get; init; }

    /// <summary>Requests waiting for their answer at once; those that come due beyond are counted as not sent. At
    /// least 1.</summary>
    public int MaxInFlight { get; init; } = 10_000;

    /// <summary>Longest wait for a whole answer.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromMinutes(10);
}
