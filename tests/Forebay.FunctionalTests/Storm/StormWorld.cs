using System.Collections.Immutable;

namespace Forebay.FunctionalTests.Storm;

/// <summary>What is wrong with an upstream.</summary>
internal enum StormFaultKind
{
    None,

    /// <summary>Its tokens come late; nothing fails.</summary>
    Slow,

    /// <summary>Its port is closed, its connections are reset.</summary>
    Killed,

    /// <summary>No answer, until the fault is lifted.</summary>
    Hangs,

    /// <summary>Answers stop in the middle, until the fault is lifted.</summary>
    Stalls,

    /// <summary>Answers are cut between two events, or short of their length.</summary>
    Cuts,

    /// <summary>Answers are cut within an event.</summary>
    CutsWithin,

    /// <summary>Answers go on with what is no event, or are no answers.</summary>
    Garbles,

    /// <summary>Answers break off with the dialect's error event, or an error inside a 200.</summary>
    TellsErrors,

    /// <summary>A status in place of an answer.</summary>
    Status,
}

/// <summary>A fault as long as it lasts.</summary>
internal sealed record StormFault(StormFaultKind Kind, int Status = 0, int? RetryAfterSeconds = null)
{
    public static StormFault None { get; } = new(StormFaultKind.None);

    /// <summary>Completes when the fault is lifted.</summary>
    public TaskCompletionSource Lifted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Whether each request is answered in full.</summary>
    public bool Answers => Kind is StormFaultKind.None or StormFaultKind.Slow;

    public override string ToString() => Kind == StormFaultKind.Status ? $"{Status}" : $"{Kind}";
}

/// <summary>An export mask.</summary>
internal sealed record StormMask(bool Everywhere, bool Orbit, ImmutableArray<string> Jurisdictions)
{
    public static StormMask None { get; } = new(false, false, []);
}

/// <summary>What reloads change.</summary>
/// <param name="Roaming">The residency policy of the tenant that moves.</param>
/// <param name="MovedSite">Whether the site of jp-2 is said to stand in the US.</param>
/// <param name="Removed">Deployments that are not in the file.</param>
/// <param name="Places">Most requests at once at a deployment.</param>
/// <param name="Credential">Which credential goes upstream: another one opens every upstream anew.</param>
/// <param name="Backwards">Whether deployments stand in the file the other way round.</param>
internal sealed record StormFleetVersion(
    string Roaming, bool MovedSite, ImmutableHashSet<string> Removed, int Places, string Credential, bool Backwards)
{
    public static StormFleetVersion First { get; } = new("eu-only", false, [], 4, "ONE", false);
}

/// <summary>All that decides how a request must fare, at one moment.</summary>
internal sealed record StormWorld(
    ImmutableDictionary<string, StormFault> Faults,
    ImmutableDictionary<string, StormMask> Masks,
    StormFleetVersion Fleet)
{
    public StormFault FaultOf(string upstream) => Faults.GetValueOrDefault(upstream, StormFault.None);

    public StormMask MaskOf(string model) => Masks.GetValueOrDefault(model, StormMask.None);
}

/// <summary>
/// How the world changed. A change is begun before anybody can see it and completed once everybody must: what happens at
/// a moment happens in the last completed world, or in one begun since.
/// </summary>
internal sealed class StormTimeline
{
    private readonly Lock _lock = new();
    private ImmutableList<StormWorld> _worlds =
    [
        new StormWorld(
            ImmutableDictionary<string, StormFault>.Empty,
            ImmutableDictionary<string, StormMask>.Empty,
            StormFleetVersion.First),
    ];

    private int _completed;

    /// <summary>The newest world that is wholly in force.</summary>
    public int Completed => Volatile.Read(ref _completed);

    /// <summary>The newest world that may be in force.</summary>
    public int Begun => Volatile.Read(ref _worlds).Count - 1;

    public StormWorld Last => Volatile.Read(ref _worlds)[^1];

    public IEnumerable<StormWorld> Between(int from, int to) => Volatile.Read(ref _worlds).GetRange(from, to - from + 1);

    /// <summary>Changes the world.</summary>
    public async Task ChangeAsync(Func<StormWorld, StormWorld> next, Func<StormWorld, Task> apply)
    {
        lock (_lock)
        {
            Volatile.Write(ref _worlds, _worlds.Add(next(_worlds[^1])));
        }

        await apply(Last);
        Volatile.Write(ref _completed, Begun);
    }
}
