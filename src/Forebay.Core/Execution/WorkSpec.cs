using System.Collections.Immutable;

namespace Forebay.Core.Execution;

/// <summary>What an executor runs: one engine now, one worker of a job as well. Plain values, no secrets in
/// <see cref="Arguments"/>: command lines are visible to others on a machine, the environment is not.</summary>
public sealed record WorkSpec
{
    /// <summary>Most characters of an id.</summary>
    public const int MaxIdLength = 128;

    /// <summary>Names the work over all its generations: lower-case letters, digits, <c>.</c>, <c>_</c>, <c>-</c>.
    /// </summary>
    public required string Id { get; init; }

    /// <summary>Counts the starts of this work from 1. Of one id at most one generation is ever alive, and each runs
    /// at most once.</summary>
    public required long Generation { get; init; }

    /// <summary>A path, or a name looked up in the executor's <c>PATH</c>.</summary>
    public required string Program { get; init; }

    /// <summary>Its arguments; <c>{port}</c> and <c>{port:NAME}</c> become the ports that were given out.</summary>
    public ImmutableArray<string> Arguments { get; init; } = [];

    /// <summary>Variables added to the few that the executor passes on; placeholders as in the arguments.</summary>
    public ImmutableSortedDictionary<string, string> Environment { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Where it runs; a folder of its own when left out.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>What it needs.</summary>
    public WorkResources Resources { get; init; } = new(null, 0);

    /// <summary>Names of the ports it wants to listen on; the first is also plain <c>{port}</c>.</summary>
    public ImmutableArray<string> Ports { get; init; } = [];

    /// <summary>Most bytes of output kept; the end of it.</summary>
    public int LogBytes { get; init; } = 1 << 20;

    /// <summary>Everything wrong with it, each with what to change; empty when it can be started.</summary>
    public IReadOnlyList<string> Check()
    {
        var problems = new List<string>();
        Require(problems, IsId(Id), $"the id '{Id}' is not one: use at most {MaxIdLength} lower-case letters, digits, "
            + "dots, underscores and hyphens, the first a letter or digit.");
        Require(problems, Generation >= 1, $"the generation is {Generation}: count from 1.");
        Require(problems, Program.Length > 0, "the program is empty: name one.");
        Require(problems, LogBytes >= 4096, $"log_bytes is {LogBytes}: give at least 4096.");
        Require(problems, Ports.All(IsId), "a port's name is not one: use lower-case letters, digits and hyphens.");
        Require(problems, Ports.Distinct().Count() == Ports.Length, "two ports have one name: names must differ.");
        Require(problems, Arguments.Append(Program).All(a => !a.Contains('\0')), "an argument holds a NUL character.");
        Require(
            problems,
            Environment.All(e => e.Key.Length > 0 && !e.Key.Contains('=') && !(e.Key + e.Value).Contains('\0')),
            "a variable's name is empty or holds '=', or a NUL character is in it.");
        return problems;
    }

    /// <summary>Whether an id is one. It becomes a folder's name, so it holds no slash and does not begin with a dot.
    /// </summary>
    public static bool IsId(string id) => id.Length is > 0 and <= MaxIdLength
        && char.IsAsciiLetterOrDigit(id[0])
        && id.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-');

    private static void Require(List<string> problems, bool holds, string problem)
    {
        if (!holds)
        {
            problems.Add(problem);
        }
    }
}

/// <summary>What work takes of a pool.</summary>
/// <param name="AcceleratorType">Type in the accelerator catalogue; null where it takes none.</param>
/// <param name="Accelerators">How many, on one machine.</param>
public readonly record struct WorkResources(string? AcceleratorType, int Accelerators);
