using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Forebay.Control.Placement;
using Forebay.Core.Capacity.Placement;

namespace Forebay.Commands.Capacity;

/// <summary>A placement plan as one JSON object.</summary>
internal static class PlacementJson
{
    public static string Of(PlacementPlan plan, PlacementProblem problem)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("start", DateTimeOffset.FromUnixTimeMilliseconds(problem.StartUnixMs));
            json.WriteNumber("horizon_hours", problem.Terms.HorizonHours);
            json.WriteNumber("served_share", plan.ServedShare);
            json.WriteNumber("objective_usd", plan.ObjectiveUsd);
            json.WriteStartArray("starts");
            foreach (PlacementDecision decision in plan.Starts)
            {
                Write(json, decision);
            }

            json.WriteEndArray();
            json.WriteStartArray("unmet_minimums");
            foreach (UnmetMinimum minimum in plan.UnmetMinimums)
            {
                json.WriteStartObject();
                json.WriteString("model", minimum.Model);
                json.WriteString("version", minimum.Version);
                json.WriteString("what", minimum.What);
                Write(json, minimum.Binding, minimum.Excluded);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartArray("unmet");
            foreach (UnmetDemand unmet in plan.Unmet)
            {
                json.WriteStartObject();
                json.WriteString("model", unmet.Model);
                json.WriteString("version", unmet.Version);
                json.WriteString("class", unmet.Label);
                json.WriteNumber("share", unmet.Share);
                json.WriteNumber("peak_replicas", unmet.PeakReplicas);
                json.WriteNumber("peak_hour", unmet.PeakHour);
                Write(json, unmet.Binding, unmet.Excluded);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void Write(Utf8JsonWriter json, PlacementDecision decision)
    {
        json.WriteStartObject();
        json.WriteString("replica", decision.ReplicaId);
        json.WriteString("model", decision.Model);
        json.WriteString("version", decision.Version);
        json.WriteString("build", decision.Build);
        json.WriteString("pool", decision.Pool);
        json.WriteNumber("accelerators", decision.Accelerators);
        json.WriteNumber("leased_accelerators", decision.LeasedAccelerators);
        json.WriteString("lease_until", DateTimeOffset.FromUnixTimeMilliseconds(decision.LeaseUntilUnixMs));
        json.WriteString("why", decision.Cause == PlacementCause.Minimum ? "minimum" : "demand");
        json.WriteNumber("served_usd", decision.Terms.ServedUsd);
        json.WriteNumber("hold_usd", decision.Terms.HoldUsd);
        json.WriteNumber("change_usd", decision.Terms.ChangeUsd);
        json.WriteNumber("round_trip_ms", decision.Terms.RoundTripMs);
        json.WriteNumber("transfer_seconds", decision.Terms.TransferSeconds);
        json.WriteNumber("start_seconds", decision.Terms.StartSeconds);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, PlacementExclusion binding, ImmutableArray<ExcludedPools> excluded)
    {
        json.WriteString("binding", binding.Word());
        json.WriteStartObject("pools");
        foreach (ExcludedPools pools in excluded)
        {
            json.WriteNumber(pools.Reason.Word(), pools.Pools);
        }

        json.WriteEndObject();
    }
}
