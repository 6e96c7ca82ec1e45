using System.Collections.Frozen;
using Forebay.Control.FleetFile;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Fleet.Managed;

namespace Forebay.FunctionalTests.Control;

/// <summary>A fleet file with what the API manages, joined by Core, without connections and audit.</summary>
internal sealed class MemoryManagedFleet(FleetState state, FleetConfig file) : IManagedFleet
{
    private static readonly FrozenSet<string> Known = AcceleratorCatalogue.BuiltIn.Names.ToFrozenSet();

    public ManagedObjects Managed { get; private set; } = ManagedObjects.None;

    public IReadOnlyList<ConfigProblem> Check(Func<ManagedObjects, ManagedObjects> change) =>
        FleetComposition.Compose(file, change(Managed), Known).Problems;

    public Task<IReadOnlyList<ConfigProblem>> ApplyManagedAsync(
        string owner, Func<ManagedPart, ManagedPart> change, string actor, CancellationToken cancel)
    {
        ManagedPart old = Managed.Of(owner);
        ManagedPart next = change(old);
        if (ReferenceEquals(old, next))
        {
            return Task.FromResult<IReadOnlyList<ConfigProblem>>([]);
        }

        ManagedObjects managed = Managed.With(owner, next);
        var whole = FleetComposition.Compose(file, managed, Known);
        if (whole.Problems.Count == 0)
        {
            Managed = managed;
            state.Model = FleetModel.Build(whole.Config, FrozenDictionary<string, Uri>.Empty);
        }

        return Task.FromResult(whole.Problems);
    }
}
