using Forebay.Core.Config;

namespace Forebay.Core.Serving.Queue;

/// <summary>How requests wait for capacity (docs/reference/queue.md).</summary>
public sealed record QueueConfig
{
    [ConfigKey("Of this many places freed where a standard request waits, it gets one, whatever else waits. Two at " +
        "least.", Minimum = 2, Maximum = 1_000_000)]
    public int StandardOneIn { get; init; } = 8;

    [ConfigKey("Of this many places freed where a batch request waits, it gets one, whatever else waits. Two at least.",
        Minimum = 2, Maximum = 1_000_000)]
    public int BatchOneIn { get; init; } = 32;

    [ConfigKey("Whether a request that would wait past its deadline, by what deployments serve now, is refused when " +
        "it comes rather than when the time is over.")]
    public bool ShedEarly { get; init; } = true;
}
