namespace Forebay.Simulation.Traces;

/// <summary>One line of a trace file that cannot be used.</summary>
/// <param name="Line">Line number, from 1.</param>
/// <param name="Message">What is wrong with it and what was expected.</param>
public sealed record TraceProblem(int Line, string Message);

/// <summary>A trace file that cannot be used, with its first problems.</summary>
public sealed class TraceFormatException : Exception
{
    /// <summary>Problems reported at once; a file of the wrong kind would have one on every line.</summary>
    public const int MaxProblems = 10;

    public TraceFormatException()
    {
    }

    public TraceFormatException(string message) : base(message)
    {
    }

    public TraceFormatException(string message, Exception inner) : base(message, inner)
    {
    }

    public TraceFormatException(string source, IReadOnlyList<TraceProblem> problems)
        : base(Describe(source, problems)) => Problems = problems;

    public IReadOnlyList<TraceProblem> Problems { get; } = [];

    private static string Describe(string source, IReadOnlyList<TraceProblem> problems)
    {
        string lines = string.Join(Environment.NewLine, problems.Select(p => $"{source}:{p.Line}: {p.Message}"));
        return problems.Count < MaxProblems
            ? lines
            : $"{lines}{Environment.NewLine}Stopped at {MaxProblems} problems; there may be more.";
    }
}
