using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Placement;

/// <summary>Puts the objects of the problem before in the place of equal ones, so that who remembers can compare by
/// reference.</summary>
internal sealed class KeptParts
{
    private PlacementProblem? _before;

    public PlacementProblem Keep(PlacementProblem made)
    {
        if (_before is { } before)
        {
            made = made with
            {
                Sites = Keep(before.Sites, made.Sites, Same),
                Pools = Keep(before.Pools, made.Pools, Same),
                Versions = Keep(before.Versions, made.Versions, Same),
                Demands = Keep(before.Demands, made.Demands, Same),
            };
        }

        return _before = made;
    }

    private static ImmutableArray<T> Keep<T>(ImmutableArray<T> before, ImmutableArray<T> made, Func<T, T, bool> same)
        where T : class
    {
        T[] kept = [.. made];
        bool all = before.Length == made.Length;
        for (int i = 0; i < kept.Length; i++)
        {
            if (i < before.Length && same(before[i], kept[i]))
            {
                kept[i] = before[i];
            }
            else
            {
                all = false;
            }
        }

        return all ? before : [.. kept];
    }

    private static bool Same(PlacementSite a, PlacementSite b) =>
        Equal(a.RoundTripMs, b.RoundTripMs) && Equal(a.UpShareByHour, b.UpShareByHour)
        && a with { RoundTripMs = b.RoundTripMs, UpShareByHour = b.UpShareByHour } == b;

    private static bool Same(PlacementPool a, PlacementPool b) =>
        Equal(a.AvailableByHour, b.AvailableByHour) && Equal(a.LeasedToOthersByHour, b.LeasedToOthersByHour)
        && Equal(a.Groups, b.Groups)
        && a with
        {
            AvailableByHour = b.AvailableByHour,
            LeasedToOthersByHour = b.LeasedToOthersByHour,
            Groups = b.Groups,
        } == b;

    private static bool Same(PlacementVersion a, PlacementVersion b) =>
        Equal(a.Builds, b.Builds) && Equal(a.MayRun, b.MayRun)
        && a.Markets.Length == b.Markets.Length
        && a.Markets.Zip(b.Markets).All(m => m.First.Id == m.Second.Id && Equal(m.First.Sites, m.Second.Sites))
        && a with { Builds = b.Builds, MayRun = b.MayRun, Markets = b.Markets } == b;

    private static bool Same(PlacementDemand a, PlacementDemand b) =>
        Equal(a.MayServe, b.MayServe) && Equal(a.InputTokensPerSecond, b.InputTokensPerSecond)
        && Equal(a.OutputTokensPerSecond, b.OutputTokensPerSecond)
        && a with
        {
            MayServe = b.MayServe,
            InputTokensPerSecond = b.InputTokensPerSecond,
            OutputTokensPerSecond = b.OutputTokensPerSecond,
        } == b;

    private static bool Equal<T>(ImmutableArray<T> a, ImmutableArray<T> b) =>
        a == b || a.AsSpan().SequenceEqual(b.AsSpan());
}
