using Forebay.Core.Capacity.Transfers;
using Forebay.Core.Serving.Links;

namespace Forebay.Executors.Weights;

/// <summary>How weights are kept and fetched.</summary>
public sealed record WeightsOptions
{
    /// <summary>Where the files of all sites lie; made with mode 0700.</summary>
    public required string Folder { get; init; }

    /// <summary>Most bytes kept for one site.</summary>
    public long CapacityBytes { get; init; } = long.MaxValue;

    /// <summary>How a site is reached; an ideal link where nothing is known.</summary>
    public Func<string, LinkSchedule> LinkOf { get; init; } = static _ => LinkSchedule.Ideal;

    /// <summary>Bytes per second that clients' requests take of a site's link now.</summary>
    public Func<string, double> TrafficOf { get; init; } = static _ => 0;

    /// <summary>What transfers get of a link.</summary>
    public LinkShare Share { get; init; } = new();

    public TransferPolicy Policy { get; init; } = new();

    /// <summary>Most transfers at once to one site; the others wait.</summary>
    public int TransfersPerSite { get; init; } = 4;

    /// <summary>A source that sends nothing for so long is asked anew.</summary>
    public TimeSpan SilenceDeadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How far a stored progress may lag behind what came over the link.</summary>
    public TimeSpan StoreEvery { get; init; } = TimeSpan.FromSeconds(5);
}
