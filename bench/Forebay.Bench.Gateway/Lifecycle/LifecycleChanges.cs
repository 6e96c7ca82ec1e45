using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Forebay.Bench.Gateway.Lifecycle;

/// <summary>
/// Changes of capacity in turn, at a stated rate, as operators make them: a deployment of the file comes or goes by a
/// reload, a pool is drained or returned, a replica leaves and its successor joins, a partner takes its next step from
/// offer to exit, the last decision about limits is taken back (so that a raise alternates with what is promised).
/// </summary>
internal sealed class LifecycleChanges
{
    public static readonly string[] Kinds = ["reload", "drain", "replica", "partner", "limits"];

    private readonly LifecycleServer _server;
    private readonly LifecycleFleet _fleet;
    private readonly (string Kind, Func<Task> Change)[] _changes;
    private readonly Dictionary<string, List<double>> _tookMs = [];
    private int _next;
    private bool _extra;
    private string? _withdrawal;
    private int _replica;
    private int _partner = 1;
    private int _step;
    private long _limits;

    public LifecycleChanges(LifecycleServer server, LifecycleFleet fleet, IReadOnlyCollection<string> only)
    {
        (_server, _fleet) = (server, fleet);
        (string, Func<Task>)[] all =
        [
            ("reload", ReloadAsync), ("drain", DrainAsync), ("replica", ReplicaAsync), ("partner", PartnerAsync),
            ("limits", LimitsAsync),
        ];
        _changes = [.. all.Where(c => only.Count == 0 || only.Contains(c.Item1))];
    }

    /// <summary>Milliseconds from asking to the answer, by kind of change.</summary>
    public IReadOnlyDictionary<string, List<double>> TookMs => _tookMs;

    /// <summary>Applies the first proposal for limits; without one there is nothing to take back.</summary>
    public async Task BeginAsync()
    {
        if (!_changes.Any(c => c.Kind == "limits"))
        {
            return;
        }

        // Demand counts once some seconds of it are on record.
        JsonElement seen = default;
        using var tick = new PeriodicTimer(TimeSpan.FromSeconds(1));
        for (int i = 0; i < 90 && await tick.WaitForNextTickAsync(); i++)
        {
            seen = await _server.PostAsync("v1/limits/proposals");
            if (seen.TryGetProperty("proposal_id", out JsonElement id) && id.ValueKind == JsonValueKind.Number)
            {
                _limits = (await _server.PostAsync($"v1/limits/proposals/{id}/apply")).GetProperty("version").GetInt64();
                return;
            }
        }

        throw new InvalidOperationException($"No raise of limits is proposed: {seen}");
    }

    /// <summary>Makes changes until told to stop; one that takes longer than its turn puts the next one off.</summary>
    /// <returns>How many were made.</returns>
    public async Task<int> RunAsync(double perSecond, Task until)
    {
        int made = 0;
        using var tick = new PeriodicTimer(TimeSpan.FromSeconds(1 / perSecond));
        while (!until.IsCompleted && await tick.WaitForNextTickAsync())
        {
            (string kind, Func<Task> change) = _changes[_next++ % _changes.Length];
            long began = Stopwatch.GetTimestamp();
            await change();
            made++;
            if (!_tookMs.TryGetValue(kind, out List<double>? took))
            {
                _tookMs.Add(kind, took = []);
            }

            took.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }

        return made;
    }

    /// <summary>Lets what was begun come to rest, so that nothing of it falls into a turn without changes.</summary>
    public async Task SettleAsync()
    {
        if (_withdrawal is not null)
        {
            await DrainAsync();
        }

        await _server.ReplicasReadyAsync(LifecycleFleet.Replicas);
    }

    private Task<JsonElement> ReloadAsync()
    {
        _fleet.Write(_extra = !_extra);
        return _server.PostAsync("v1/reload");
    }

    private async Task DrainAsync()
    {
        if (_withdrawal is { } id)
        {
            _withdrawal = null;
            await _server.PostAsync($"v1/withdrawals/{id}/return");
            return;
        }

        JsonElement asked = await _server.PostAsync(
            "v1/withdrawals", $$"""{"kind":"drain","scope":"pool","id":"{{LifecycleFleet.DrainedPool}}"}""");
        _withdrawal = asked.GetProperty("id").GetString();
    }

    private async Task ReplicaAsync()
    {
        JsonElement[] replicas =
            [.. (await _server.GetAsync("v1/replicas")).GetProperty("replicas").EnumerateArray()];
        string id = replicas[_replica++ % replicas.Length].GetProperty("id").GetString()!;
        await _server.PostAsync($"v1/replicas/{id}/restart");
    }

    private Task<JsonElement> PartnerAsync()
    {
        string id = string.Create(CultureInfo.InvariantCulture, $"partner-{_partner}");
        switch (_step++)
        {
            case 0:
                return _server.PostAsync(
                    "v1/providers",
                    JsonSerializer.Serialize(
                        new Offered(LifecycleFleet.Offer(_partner), id + ".yaml"), OfferedJson.Default.Offered));
            case 1:
                return _server.PostAsync($"v1/providers/{id}/sign", """{"contract":"MSA"}""");
            case 2:
                return _server.PostAsync($"v1/providers/{id}/connect");
            case 3:
                return _server.PostAsync($"v1/providers/{id}/accept");
            case 4:
                return _server.PostAsync($"v1/providers/{id}/drain");
            default:
                (_step, _partner) = (0, _partner + 1);
                return _server.PostAsync($"v1/providers/{id}/exit");
        }
    }

    private async Task LimitsAsync() => _limits = (await _server.PostAsync(
        "v1/limits/rollback", string.Create(CultureInfo.InvariantCulture, $"{{\"version\":{_limits}}}")))
        .GetProperty("version").GetInt64();
}

/// <summary>The body that onboards a partner.</summary>
internal sealed record Offered(string File, string Name);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Offered))]
internal sealed partial class OfferedJson : JsonSerializerContext;
