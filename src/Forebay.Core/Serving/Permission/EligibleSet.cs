using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using Forebay.Core.Fleet;

namespace Forebay.Core.Serving.Permission;

/// <summary>
/// The deployments that may serve a kind of request, in the model's order: one immutable object for all requests that
/// may use the same ones, so that it serves as their tag in the queue and as the key of what routing keeps about them.
/// </summary>
public sealed class EligibleSet
{
    private readonly FrozenSet<string> _ids;
    private readonly EligibleSet[] _speaking;
    private readonly ulong[] _mask;
    private readonly ConcurrentDictionary<object, EligibleSet> _parts = [];

    public EligibleSet(ImmutableArray<Deployment> deployments)
    {
        Deployments = deployments;
        _ids = deployments.Select(d => d.Id).ToFrozenSet(StringComparer.Ordinal);
        _mask = new ulong[deployments.IsEmpty ? 0 : deployments.Max(d => d.Index) / 64 + 1];
        foreach (Deployment deployment in deployments)
        {
            _mask[deployment.Index / 64] |= 1UL << (deployment.Index % 64);
            Fingerprint = Fingerprint * 31 + (UInt128)deployment.Index + 1;
        }

        _speaking = [.. Enum.GetValues<Dialect>().Select(SpeakingOf)];
    }

    /// <summary>Nothing is eligible.</summary>
    public static EligibleSet Empty { get; } = new([]);

    public ImmutableArray<Deployment> Deployments { get; }

    public int Count => Deployments.Length;

    /// <summary>Equal for equal deployments of one snapshot, and seldom for others.</summary>
    internal UInt128 Fingerprint { get; }

    /// <summary>Whether a deployment of the same snapshot is in it: one bit of a mask over the fleet's deployments.
    /// </summary>
    public bool Permits(Deployment deployment) =>
        deployment.Index / 64 < _mask.Length && (_mask[deployment.Index / 64] & 1UL << (deployment.Index % 64)) != 0;

    public bool Contains(string deploymentId) => _ids.Contains(deploymentId);

    /// <summary>Those of them that speak a dialect.</summary>
    public EligibleSet Speaking(Dialect dialect) => _speaking[(int)dialect];

    /// <summary>Those of them that fit a key, found once for each: what is kept about a part of the set is kept as long
    /// as the set.</summary>
    /// <param name="key">One of few: an account, a version.</param>
    /// <param name="fits">Whether a deployment fits it, the same answer each time.</param>
    public EligibleSet Of<TKey>(TKey key, Func<Deployment, TKey, bool> fits)
        where TKey : notnull => _parts.GetOrAdd(
            key,
            static (_, a) =>
            {
                ImmutableArray<Deployment> part = a.Set.Deployments.RemoveAll(d => !a.Fits(d, a.Key));
                return part.Length == a.Set.Count ? a.Set : new EligibleSet(part);
            },
            (Set: this, Key: key, Fits: fits));

    private EligibleSet SpeakingOf(Dialect dialect)
    {
        ImmutableArray<Deployment> speaking = Deployments.RemoveAll(d => !d.Speaks(dialect));
        return speaking.Length == Count ? this : new EligibleSet(speaking);
    }
}
