using System.Collections.Immutable;

namespace Forebay.FunctionalTests.Storm;

/// <summary>What the storm does next, drawn from a seed.</summary>
internal sealed class StormScript(
    int seed, StormTimeline timeline, StormGateway gateway, IReadOnlyDictionary<string, StormUpstream> upstreams,
    Func<StormFleetVersion, string> yamlOf)
{
    private const int MostFaultsAtOnce = 5;

    private static readonly StormFault[] Statuses =
    [
        new(StormFaultKind.Status, 429), new(StormFaultKind.Status, 429, 1), new(StormFaultKind.Status, 500),
        new(StormFaultKind.Status, 529), new(StormFaultKind.Status, 503, 1), new(StormFaultKind.Status, 401),
    ];

    /// <summary>What breaks answers off comes more often than what only stands in for one.</summary>
    private static readonly StormFaultKind[] Kinds =
    [
        .. Enum.GetValues<StormFaultKind>().Where(k => k != StormFaultKind.None),
        StormFaultKind.Killed, StormFaultKind.Cuts, StormFaultKind.CutsWithin, StormFaultKind.Stalls,
        StormFaultKind.TellsErrors,
    ];

    private readonly Random _random = new(seed);

    /// <summary>How often each kind of change was made.</summary>
    public Dictionary<string, int> Done { get; } = [];

    public async Task StepAsync()
    {
        await ChangeAsync();
        // The same again, in another order: nothing may come of it, whatever is under way.
        StormFleetVersion fleet = timeline.Last.Fleet;
        await ReloadAsync(fleet with { Backwards = !fleet.Backwards });
    }

    /// <summary>Brings all back: no fault, no mask, the first fleet.</summary>
    public async Task CalmAsync()
    {
        foreach (string upstream in timeline.Last.Faults.Keys)
        {
            await FaultAsync(upstream, null);
        }

        foreach (string model in timeline.Last.Masks.Keys)
        {
            await MaskAsync(model, StormMask.None);
        }

        await ReloadAsync(StormFleetVersion.First);
    }

    private Task ChangeAsync()
    {
        string[] hit = [.. timeline.Last.Faults.Keys.Order(StringComparer.Ordinal)];
        int chance = _random.Next(100);
        return chance < 12 ? MaskAsync()
            : chance < 20 ? ReloadAsync()
            : hit.Length >= MostFaultsAtOnce || (hit.Length > 0 && chance < 58)
                ? FaultAsync(hit[_random.Next(hit.Length)], null)
                : FaultAsync(StormFleet.Places[_random.Next(StormFleet.Places.Count)].Name, Draw());
    }

    private StormFault Draw()
    {
        StormFaultKind kind = Kinds[_random.Next(Kinds.Length)];
        StormFault drawn = kind == StormFaultKind.Status ? Statuses[_random.Next(Statuses.Length)] : new StormFault(kind);
        // Each one ends by itself.
        return new StormFault(drawn.Kind, drawn.Status, drawn.RetryAfterSeconds);
    }

    private Task FaultAsync(string upstream, StormFault? fault)
    {
        Count(fault is null ? "lifted" : fault.ToString());
        return timeline.ChangeAsync(
            w => w with { Faults = fault is null ? w.Faults.Remove(upstream) : w.Faults.SetItem(upstream, fault) },
            _ => upstreams[upstream].BecomeAsync(fault ?? StormFault.None));
    }

    private Task MaskAsync()
    {
        string model = StormFleet.Models[_random.Next(StormFleet.Models.Count)];
        StormMask mask = _random.Next(8) switch
        {
            < 3 => StormMask.None,
            3 => new StormMask(true, false, []),
            4 => new StormMask(false, true, []),
            5 => new StormMask(false, false, ["us", "jp"]),
            6 => new StormMask(false, false, ["eu"]),
            _ => new StormMask(false, true, ["us"]),
        };
        return MaskAsync(model, mask);
    }

    private Task MaskAsync(string model, StormMask mask)
    {
        Count("mask");
        return timeline.ChangeAsync(
            w => w with { Masks = w.Masks.SetItem(model, mask) },
            _ =>
            {
                gateway.Deny(model, mask);
                return Task.CompletedTask;
            });
    }

    private Task ReloadAsync()
    {
        StormFleetVersion now = timeline.Last.Fleet;
        return ReloadAsync(_random.Next(6) switch
        {
            0 => now with { Roaming = now.Roaming == "eu-only" ? "jp-only" : "eu-only" },
            1 => now with { MovedSite = !now.MovedSite },
            2 => now with { Removed = now.Removed.Clear() },
            3 => now with { Places = _random.Next(1, 6) },
            4 => now with { Credential = now.Credential == "ONE" ? "TWO" : "ONE" },
            _ => now with
            {
                Removed = [StormFleet.DeploymentOf(
                    StormFleet.Models[_random.Next(StormFleet.Models.Count)],
                    StormFleet.Places[_random.Next(StormFleet.Places.Count)].Name)],
            },
        });
    }

    private Task ReloadAsync(StormFleetVersion fleet)
    {
        Count("reload");
        return timeline.ChangeAsync(
            w => w with { Fleet = fleet },
            _ =>
            {
                gateway.Reload(yamlOf(fleet));
                return Task.CompletedTask;
            });
    }

    private void Count(string what) => Done[what] = Done.GetValueOrDefault(what) + 1;
}
