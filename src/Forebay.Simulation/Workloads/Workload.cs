using System.Collections.Immutable;

namespace Forebay.Simulation.Workloads;

/// <summary>System prompts that conversations share.</summary>
/// <param name="Blocks">Length of each in blocks of 512 tokens.</param>
/// <param name="Weights">How often each opens a conversation, one weight a prompt.</param>
public sealed record SystemPrompts(int Blocks, ImmutableArray<double> Weights);

/// <summary>
/// What is published about a kind of traffic: enough to generate more of it. Every prompt and answer length follows the
/// published law whatever turn it belongs to.
/// </summary>
public sealed record Workload
{
    /// <summary>Its name on the command line.</summary>
    public required string Name { get; init; }

    /// <summary>Where its parameters come from, in one line for reports.</summary>
    public required string Sources { get; init; }

    /// <summary>Requests a second as published, every turn counted.</summary>
    public required double RequestsPerSecond { get; init; }

    /// <summary>Coefficient of variation of the times between conversations; at least 1.</summary>
    public required double ArrivalCv { get; init; }

    /// <summary>Length of whole prompts in tokens, earlier turns included.</summary>
    public required ISampled InputTokens { get; init; }

    /// <summary>Length of answers in tokens.</summary>
    public required ISampled OutputTokens { get; init; }

    /// <summary>Chance that a conversation goes on after a turn; turns are geometric with mean 1 / (1 -
    /// this).</summary>
    public double ContinueShare { get; init; }

    /// <summary>Seconds between the end of a turn and the next one; null where there are no later turns.</summary>
    public ISampled? ThinkSeconds { get; init; }

    /// <summary>Null where every conversation begins with words of its own.</summary>
    public SystemPrompts? SystemPrompts { get; init; }
}
