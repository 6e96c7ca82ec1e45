using System.Text.Json;
using System.Text.Json.Serialization;
using Forebay.Core.Capacity.Ledger;

namespace Forebay.Storage.Sqlite;

/// <summary>The stored form of a supply.</summary>
internal sealed record SupplyRow(
    string Pool, string Unit, CapacityStep[] Contracted, UsableShare[] Shares, SupplyEvent[] Events)
{
    public static SupplyRow Of(PoolSupply supply) => new(
        supply.Lane.Pool,
        CapacityUnitWords.Of(supply.Lane.Unit),
        [.. supply.Contracted.Steps],
        [.. supply.Shares],
        [.. supply.Events]);

    public PoolSupply ToSupply() => new()
    {
        Lane = CapacityRows.LaneOf(Pool, Unit),
        Contracted = StepFunction.Of(Contracted),
        Shares = [.. Shares],
        Events = [.. Events],
    };
}

/// <summary>The stored form of a lease.</summary>
internal sealed record LeaseRow(
    string Id,
    LeaseHolder HolderKind,
    string Holder,
    string Pool,
    string Unit,
    long Quantity,
    long FromMs,
    long? UntilMs,
    bool Revocable,
    int Rank,
    long Granule,
    CapacityStep[] Held,
    long Generation,
    long Sequence)
{
    public static LeaseRow Of(Lease lease)
    {
        LeaseRequest r = lease.Request;
        return new LeaseRow(
            r.Id, r.HolderKind, r.Holder, r.Lane.Pool, CapacityUnitWords.Of(r.Lane.Unit), r.Quantity, r.FromUnixMs,
            r.UntilUnixMs, r.Revocable, r.Rank, r.Granule, [.. lease.Held.Steps], lease.Generation, lease.Sequence);
    }

    public Lease ToLease() => new()
    {
        Request = new LeaseRequest(
            Id, HolderKind, Holder, CapacityRows.LaneOf(Pool, Unit), Quantity, FromMs, UntilMs, Revocable, Rank,
            Granule),
        Held = StepFunction.Of(Held),
        Generation = Generation,
        Sequence = Sequence,
    };
}

/// <summary>The stored form of a change.</summary>
internal sealed record ChangeRow(SupplyRow[] Supplies, string[] Removed, LeaseRow[] Leases, LeaseCut[] Cuts);

internal static class CapacityRows
{
    public static CapacityLane LaneOf(string pool, string unit) =>
        CapacityUnitWords.TryParse(unit, out CapacityUnit known)
            ? new CapacityLane(pool, known)
            : throw new StorageException($"The capacity ledger counts {pool} in '{unit}', which this program does not "
                + "know. Run the program that wrote it.");

    public static T Read<T>(string json, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw new JsonException("The row is null.");
        }
        catch (JsonException e)
        {
            throw new StorageException("The capacity ledger in the database is damaged. Restore a backup.", e);
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(SupplyRow))]
[JsonSerializable(typeof(LeaseRow))]
[JsonSerializable(typeof(ChangeRow))]
internal sealed partial class CapacityJson : JsonSerializerContext;
