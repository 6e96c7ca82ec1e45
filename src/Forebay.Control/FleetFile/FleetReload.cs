using Forebay.Core.Fleet;

namespace Forebay.Control.FleetFile;

/// <summary>What came of reading the fleet file again.</summary>
/// <param name="Applied">Whether what is in the file is in force.</param>
/// <param name="Problems">Why not; none if applied.</param>
/// <param name="NeedsRestart">Changes that take effect at the next start only.</param>
public sealed record FleetReload(
    bool Applied,
    IReadOnlyList<FleetFileProblem> Problems,
    IReadOnlyList<RestartNote> NeedsRestart);

/// <summary>The fleet file in force, and what was wrong with a later one that was not taken over.</summary>
/// <param name="Path">The file.</param>
/// <param name="Loads">How often it was put in force, the start included.</param>
/// <param name="Sha256">Hash of the content in force, lower-case hex.</param>
/// <param name="Loaded">Since when.</param>
/// <param name="Rejected">When a later content was refused; null when the content in force is the latest.</param>
/// <param name="Problems">Why it was refused.</param>
public sealed record FleetFileStatus(
    string Path,
    int Loads,
    string Sha256,
    DateTimeOffset Loaded,
    DateTimeOffset? Rejected,
    IReadOnlyList<FleetFileProblem> Problems);

/// <summary>How a fleet file is watched.</summary>
public sealed record FleetFileWatcherOptions
{
    /// <summary>The file.</summary>
    public required string Path { get; init; }

    public required FleetFileReader Reader { get; init; }

    /// <summary>What the server started with; it has a configuration.</summary>
    public required FleetFileResult Started { get; init; }

    /// <summary>Puts a valid configuration in force, whole or not at all; returns why it could not.</summary>
    public required Func<FleetConfig, CancellationToken, Task<IReadOnlyList<Core.Config.ConfigProblem>>> Apply
    {
        get;
        init;
    }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>How often the content is looked at where the system reports no changes (network file systems, mounted
    /// secrets).</summary>
    public TimeSpan Poll { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a changed content must stay the same before it is read: editors write in pieces.</summary>
    public TimeSpan Settle { get; init; } = TimeSpan.FromMilliseconds(250);
}
