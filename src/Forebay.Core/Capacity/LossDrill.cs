using System.Collections.Immutable;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Permission;

namespace Forebay.Core.Capacity;

/// <summary>Works out what the loss of one concentration group would mean, without losing it.</summary>
internal static class LossDrill
{
    /// <summary>
    /// A loss is survived when every model that had a deployment in the group keeps one outside it, the places that
    /// remain hold the requests now in flight on all of the model's deployments, and no residency policy loses a model
    /// that it could have served.
    /// </summary>
    public static GroupLoss Lose(
        FleetModel fleet,
        ImmutableArray<Deployment> served,
        int[] inFlight,
        string group,
        bool isProvider)
    {
        Deployment[] lost = [.. served.Where(d => FleetSummary.IsIn(d, group, isProvider))];
        var lostIndexes = lost.Select(d => d.Index).ToHashSet();
        var lostModels = ImmutableArray.CreateBuilder<string>();
        var shortModels = ImmutableArray.CreateBuilder<string>();
        var gaps = ImmutableArray.CreateBuilder<ResidencyGap>();
        foreach (ServedModel model in fleet.Models)
        {
            Deployment[] left = [.. model.Deployments.Where(d => !lostIndexes.Contains(d.Index))];
            if (left.Length == model.Deployments.Length)
            {
                continue;
            }

            if (left.Length == 0)
            {
                lostModels.Add(model.Id);
                continue;
            }

            if (left.Sum(d => (long)d.Config.MaxConcurrency) < model.Deployments.Sum(d => (long)inFlight[d.Index]))
            {
                shortModels.Add(model.Id);
            }

            gaps.AddRange(fleet.Config.ResidencyPolicies
                .Where(p => model.Deployments.Any(d => ServingPlaces.Allows(p, d))
                    && !left.Any(d => ServingPlaces.Allows(p, d)))
                .Select(p => new ResidencyGap(p.Id, model.Id)));
        }

        return new GroupLoss(
            group,
            isProvider,
            lost.Length,
            lost.Sum(d => (long)d.Config.MaxConcurrency),
            lostModels.ToImmutable(),
            shortModels.ToImmutable(),
            gaps.ToImmutable());
    }
}
