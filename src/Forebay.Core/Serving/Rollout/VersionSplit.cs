using System.Collections.Frozen;

namespace Forebay.Core.Serving.Rollout;

/// <summary>
/// Which version of a model serves a conversation. A conversation is a fixed point between 0 and 1, by its hash and the
/// rollout; points below the share are the new version's. So a conversation stays on one version while the share stays,
/// and a larger share moves some from old to new and none back.
/// </summary>
/// <param name="Rollout">Number of the rollout: another one draws other conversations first.</param>
/// <param name="Model">The model's id.</param>
/// <param name="Old">The version before.</param>
/// <param name="New">The version that takes over.</param>
/// <param name="Share">Share of the conversations that are the new one's, 0 to 1.</param>
/// <param name="IsOpen">Whether the rollout is under way: where one version cannot serve, the other may. Once it has
/// ended only the one that it ended with serves.</param>
/// <param name="Tally">Where answers are counted; the same object while the rollout is open.</param>
public sealed record VersionSplit(
    long Rollout, string Model, string Old, string New, double Share, bool IsOpen, VersionTally Tally)
{
    /// <summary>The version's name.</summary>
    public string NameOf(bool isNew) => isNew ? New : Old;

    /// <summary>Whether a conversation is the new version's.</summary>
    /// <param name="conversation">Its hash.</param>
    public bool TakesNew(ulong conversation) => PointOf(conversation) < Share;

    /// <summary>Whether a request that chose a version goes on with it.</summary>
    public bool Serves(bool isNew) => IsOpen || (isNew ? Share > 0 : Share < 1);

    /// <summary>Where a conversation lies, evenly from 0 up to but not including 1 (the finaliser of SplitMix64;
    /// Steele, Lea, Flood, OOPSLA 2014).</summary>
    public double PointOf(ulong conversation)
    {
        ulong z = conversation ^ ((ulong)Rollout * 0x9E3779B97F4A7C15);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        return (z >> 11) * (1.0 / (1UL << 53));
    }
}

/// <summary>The splits of all models that were ever rolled out: an immutable snapshot, swapped whole.</summary>
public sealed class VersionSplits(IEnumerable<VersionSplit> splits)
{
    private readonly FrozenDictionary<string, VersionSplit> _byModel =
        splits.ToFrozenDictionary(s => s.Model, StringComparer.Ordinal);

    /// <summary>Every model is served by whatever version there is.</summary>
    public static VersionSplits None { get; } = new([]);

    /// <summary>The split of a model; null where it never was rolled out.</summary>
    public VersionSplit? Of(string modelId) => _byModel.Count == 0 ? null : _byModel.GetValueOrDefault(modelId);

    /// <summary>Share of a model's demand that a version is to serve: as its rollout has it, else all by the first.
    /// </summary>
    public double ShareOf(string modelId, string version, string first) => Of(modelId) is not { } split
        ? version == first ? 1 : 0
        : version == split.New ? split.Share
        : version == split.Old ? 1 - split.Share
        : 0;
}
