using Forebay.Core.Batches;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Usage;
using Forebay.Gateway.Bodies;
using Forebay.Gateway.Relay;
using Forebay.Gateway.Telemetry;
using Forebay.Gateway.Upstreams;
using Microsoft.Extensions.Logging;

namespace Forebay.Gateway.Pipeline;

/// <summary>What all requests of a gateway share.</summary>
internal sealed record GatewayRuntime(
    FleetState State,
    IUsageJournal Journal,
    UpstreamSet Upstreams,
    TimeProvider Time,
    ILogger Logger,
    FailureLog Failures,
    GatewayMetrics Metrics,
    MemoryBudget Memory,
    StreamSweep Sweep,
    QueueClock QueueClock,
    CancellationToken Cut)
{
    public ILimitHistory? LimitHistory { get; init; }

    public IBatchDesk? Batches { get; init; }
}
