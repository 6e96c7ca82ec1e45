using Forebay.Core.Capacity;
using Forebay.Core.Serving;

namespace Forebay.Serve;

/// <summary>A fleet's summary in lines for people.</summary>
public static class FleetLines
{
    public static string Counts(FleetSummary summary)
    {
        int served = summary.Deployments - summary.NotServed;
        string unserved = summary.NotServed > 0 ? $", {summary.NotServed} without an endpoint" : "";
        return $"{summary.Providers} providers, {summary.Sites} sites, {served} deployments of " +
            $"{summary.Models.Length} models ({summary.ServedByBacking[Backing.Real]} real, " +
            $"{summary.ServedByBacking[Backing.Emulated]} emulated, " +
            $"{summary.ServedByBacking[Backing.Cloud]} cloud{unserved}).";
    }

    public static string Headroom(FleetSummary summary) =>
        $"Headroom: {summary.Free:N0} of {summary.Places:N0} places free ({string.Join(", ", summary.Models.Take(6)
            .Select(m => $"{m.Id} {m.Free:N0}"))}{(summary.Models.Length > 6 ? ", ..." : "")}).";

    /// <summary>Whether the loss of any one group would be survived, and if not, which one hurts and how.</summary>
    public static string Survival(FleetSummary summary)
    {
        if (summary.Models.IsEmpty)
        {
            return "Nothing is served, so there is nothing to lose.";
        }

        GroupLoss[] fatal = [.. summary.Losses.Where(l => !l.Survived)];
        return fatal.Length == 0
            ? $"The loss of any one of {summary.Losses.Length} providers and concentration groups would be survived."
            : $"NOT survived: {string.Join("; ", fatal.Take(3).Select(Describe))}" +
                $"{(fatal.Length > 3 ? $"; and {fatal.Length - 3} more" : "")}.";
    }

    private static string Describe(GroupLoss loss)
    {
        string what = !loss.LostModels.IsEmpty ? $"no {string.Join(", ", loss.LostModels.Take(3))}"
            : !loss.ShortModels.IsEmpty ? $"too few places for {string.Join(", ", loss.ShortModels.Take(3))}"
            : string.Join(", ", loss.ResidencyGaps.Take(2).Select(g => $"policy {g.Policy} without {g.Model}"));
        return $"without {loss.Group}, {what}";
    }
}
