using Forebay.Core.Fleet;

namespace Forebay.Serve;

/// <summary>What the command line says about a server.</summary>
public sealed record ServeSettings
{
    /// <summary>The fleet file; null for the built-in small fleet.</summary>
    public string? FleetFile { get; init; }

    /// <summary>The data directory, a full path.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Overrides the fleet file's port for clients; 0 takes any free one.</summary>
    public int? Port { get; init; }

    /// <summary>Overrides the fleet file's admin port; 0 takes any free one.</summary>
    public int? AdminPort { get; init; }

    /// <summary>Whether deployments without an endpoint are served by emulated engines.</summary>
    public bool Emulate { get; init; }

    /// <summary>Seconds of the engine model that pass in one real second.</summary>
    public double TimeScale { get; init; } = 1;

    /// <summary>The user's own upstreams to add to the pool.</summary>
    public IReadOnlyList<string> Upstreams { get; init; } = [];

    /// <summary>Overrides <see cref="GatewayConfig.DrainSeconds"/>.</summary>
    public double? DrainSeconds { get; init; }

    /// <summary>Tenant that the fresh key is made for; the fleet's first one when null.</summary>
    public string? FreshKeyTenant { get; init; }

    /// <summary>Whether to make a fresh key at start.</summary>
    public bool MakeFreshKey { get; init; }

    /// <summary>What commitments, partners, leases and placement go by; the server's own clock when null. Another one
    /// lets months of a contract pass in a demonstration, while requests, engines, weights, limits and usage stay on
    /// the server's.</summary>
    public TimeProvider? ContractTime { get; init; }
}

/// <summary>The server cannot start, in words for the person who started it.</summary>
public sealed class StartException(string message) : Exception(message);
