using System.Collections.Immutable;
using Forebay.Core.Capacity.Withdrawals;

namespace Forebay.Core.Fleet.Managed;

/// <summary>
/// Everything in the fleet that the API manages, by the owner that put it there: a partner (<c>partner/ID</c>) or a
/// control loop (<c>replicas</c>). An owner changes its own part and no other; the fleet file never changes any.
/// </summary>
public sealed class ManagedObjects
{
    private ManagedObjects(ImmutableSortedDictionary<string, ManagedPart> parts) => Parts = parts;

    public static ManagedObjects None { get; } =
        new(ImmutableSortedDictionary.Create<string, ManagedPart>(StringComparer.Ordinal));

    /// <summary>The parts by owner, in order of their names: the order in which they join the fleet.</summary>
    public ImmutableSortedDictionary<string, ManagedPart> Parts { get; }

    public bool IsEmpty => Parts.IsEmpty;

    /// <summary>Capacity that serves nothing new now, whoever withdrew it.</summary>
    public IReadOnlyList<Withdrawal> Withdrawals => [.. Parts.Values.SelectMany(p => p.Withdrawals)];

    /// <summary>An owner's part; empty where it has none.</summary>
    public ManagedPart Of(string owner) => Parts.GetValueOrDefault(owner, ManagedPart.Empty);

    /// <summary>The objects with another part for an owner; an empty part takes the owner out.</summary>
    public ManagedObjects With(string owner, ManagedPart part)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(owner);
        return part.Count == 0 ? new(Parts.Remove(owner)) : new(Parts.SetItem(owner, part));
    }
}
