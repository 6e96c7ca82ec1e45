namespace Forebay.Core.Execution;

/// <summary>
/// Runs work somewhere: as processes of this machine, under Slurm, on Kubernetes. Every implementation passes the
/// executor conformance suite.
/// </summary>
/// <remarks>
/// <para>What holds for all: of one id at most one generation is alive; a generation is run at most once, however often
/// its start is asked for, and also when the asking process was killed in between; a call about a generation older
/// than the last known one changes nothing. What was started is found again by the next process over the same
/// state.</para>
/// <para>All members are safe for concurrent callers. A failure to reach the place where work runs is an <see
/// cref="ExecutorException"/> and says nothing about the work: ask again.</para>
/// </remarks>
public interface IExecutor
{
    /// <summary>What it is, in a word, for logs and metrics: <c>local</c>.</summary>
    string Kind { get; }

    /// <summary>
    /// Starts a generation of a work, or finds that it was started: idempotent by id and generation. Returns when the
    /// work is known to be there, not when it is healthy; one that ended at once is returned as exited with what it
    /// said.
    /// </summary>
    /// <exception cref="WorkRefusedException">It cannot be started as it is specified; it is a stale generation; or an
    /// older one is still alive.</exception>
    /// <exception cref="ExecutorException">The place where work runs cannot be reached; ask again.</exception>
    Task<WorkObservation> StartAsync(WorkSpec spec, CancellationToken cancel);

    /// <summary>How the last generation of a work is; null for a work that is not known.</summary>
    /// <exception cref="ExecutorException">The place where work runs cannot be reached; ask again.</exception>
    Task<WorkObservation?> ObserveAsync(string id, CancellationToken cancel);

    /// <summary>Every work that is known, exited ones included.</summary>
    /// <exception cref="ExecutorException">The place where work runs cannot be reached; ask again.</exception>
    Task<IReadOnlyList<WorkObservation>> ListAsync(CancellationToken cancel);

    /// <summary>
    /// Asks a generation to end, and ends it by force past the grace. Idempotent; returns at once, or when it has
    /// ended: observe it. A generation not known is fenced off: a start of it that comes late is refused.
    /// </summary>
    /// <exception cref="ExecutorException">The place where work runs cannot be reached; ask again.</exception>
    Task<WorkObservation> StopAsync(string id, long generation, TimeSpan grace, CancellationToken cancel);

    /// <summary>The last lines that a generation wrote, oldest first; empty where nothing is kept.</summary>
    /// <param name="id">The work.</param>
    /// <param name="generation">Its generation; null for the last.</param>
    /// <param name="lines">Most lines.</param>
    /// <param name="cancel">Gives up.</param>
    Task<IReadOnlyList<string>> ReadLogAsync(string id, long? generation, int lines, CancellationToken cancel);

    /// <summary>Removes what is kept of a work that has exited, its fence too. Does nothing for one that is alive.
    /// </summary>
    Task ForgetAsync(string id, CancellationToken cancel);
}

/// <summary>The work cannot be started; the message says why and what to change. Asking again changes nothing.
/// </summary>
public sealed class WorkRefusedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The place where work runs does not answer; says nothing about the work itself.</summary>
public sealed class ExecutorException(string message, Exception? inner = null) : Exception(message, inner);
