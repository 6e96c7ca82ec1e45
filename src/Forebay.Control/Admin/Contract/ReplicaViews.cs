namespace Forebay.Control.Admin.Contract;

/// <summary>Weights of a replica at its site, or on their way there.</summary>
public sealed record WeightsView(
    string Sha256,
    string Site,
    string From,
    string Phase,
    long SizeBytes,
    long VerifiedBytes,
    long SentBytes,
    double BytesPerSecond,
    DateTimeOffset? Done,
    decimal EgressUsd,
    int Cuts,
    int PartsFetchedAgain,
    string? Reason);

/// <summary>A replica of a model. <c>Said</c> is what its engine said last that was not good.</summary>
public sealed record ReplicaView(
    string Id,
    string Model,
    string Version,
    string Build,
    string Pool,
    string Site,
    int Accelerators,
    string Phase,
    DateTimeOffset Since,
    DateTimeOffset? Deadline,
    long Generation,
    bool Wanted,
    bool Held,
    int Failures,
    DateTimeOffset? NextTry,
    string? Reason,
    string? Said,
    string? Work,
    string? Endpoint,
    bool Routed,
    int InFlight,
    IReadOnlyList<WeightsView> Weights);

/// <summary>Answer of <c>GET /v1/replicas</c>.</summary>
public sealed record ReplicaListView(IReadOnlyList<ReplicaView> Replicas);

/// <summary>Answer of <c>GET /v1/replicas/{id}/logs</c>: the last lines, oldest first.</summary>
public sealed record ReplicaLogView(string Id, IReadOnlyList<string> Lines);
