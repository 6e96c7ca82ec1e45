using System.Collections.Immutable;

namespace Forebay.Core.Execution;

/// <summary>Whether work runs.</summary>
public enum WorkState : byte
{
    /// <summary>Asked for and not yet seen to run: waiting in a queue, being pulled.</summary>
    Pending,

    /// <summary>It runs. Whether it is healthy is for its user to find out.</summary>
    Running,

    /// <summary>It ran, or never will: it does not run again in this generation.</summary>
    Exited,
}

/// <summary>Why work ended.</summary>
public enum WorkExitKind : byte
{
    /// <summary>Of itself, with a code.</summary>
    Code,

    /// <summary>By a signal, of the machine's or a person's.</summary>
    Signal,

    /// <summary>Because it was asked to.</summary>
    Stopped,

    /// <summary>By force, past the grace it had been given to end.</summary>
    Killed,

    /// <summary>It was never begun.</summary>
    NotStarted,

    /// <summary>It is gone and nothing tells how: the machine was restarted, its process was killed from outside.
    /// </summary>
    Lost,
}

/// <summary>How work ended.</summary>
/// <param name="Kind">Why.</param>
/// <param name="Code">Its exit code, or the signal's number; null where neither is known.</param>
/// <param name="Reason">In words, with the last lines it wrote where it failed.</param>
public sealed record WorkExit(WorkExitKind Kind, int? Code, string Reason);

/// <summary>What is known of the last generation of a work.</summary>
/// <param name="Id">The work.</param>
/// <param name="Generation">Its last generation.</param>
/// <param name="State">Whether it runs.</param>
/// <param name="Where">What it is where it runs, for people: a process, a job, a pod.</param>
/// <param name="Endpoints">Host and port by the name of the port.</param>
/// <param name="StartedUnixMs">When it was started; null where it was not.</param>
/// <param name="Exit">How it ended; null while it has not.</param>
public sealed record WorkObservation(
    string Id,
    long Generation,
    WorkState State,
    string? Where,
    ImmutableSortedDictionary<string, WorkEndpoint> Endpoints,
    long? StartedUnixMs,
    WorkExit? Exit)
{
    /// <summary>Whether it runs or may come to run.</summary>
    public bool IsAlive => State != WorkState.Exited;
}

/// <summary>Where a port of work is reached.</summary>
public readonly record struct WorkEndpoint(string Host, int Port);
