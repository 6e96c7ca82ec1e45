using System.CommandLine;

namespace Forebay;

/// <summary>Where the data directory is: the one place that decides it.</summary>
public static class DataLocation
{
    /// <summary>Environment variable that names the data directory.</summary>
    public const string Variable = "FOREBAY_DATA";

    /// <summary>The option that names the data directory, for every command that needs it.</summary>
    public static Option<string?> CreateOption() => new("--data")
    {
        Description = $"Data directory. Else ${Variable}, else $XDG_DATA_HOME/forebay, else ~/.local/share/forebay.",
        HelpName = "DIR",
    };

    /// <summary>The data directory as a full path; it need not exist.</summary>
    /// <param name="option">What <c>--data</c> says, or null.</param>
    /// <param name="environment">Reads an environment variable.</param>
    public static string Resolve(string? option, Func<string, string?> environment)
    {
        string? chosen = First(option, environment(Variable));
        if (chosen is not null)
        {
            return Path.GetFullPath(chosen);
        }

        if (First(environment("XDG_DATA_HOME")) is { } xdg)
        {
            return Path.GetFullPath(Path.Combine(xdg, "forebay"));
        }

        string home = First(environment("HOME"), Environment.GetFolderPath(Environment.SpecialFolder.UserProfile))
            ?? throw new InvalidOperationException(
                $"There is no home directory to keep data in. Name one with --data DIR or {Variable}.");
        return Path.GetFullPath(Path.Combine(home, ".local", "share", "forebay"));
    }

    /// <summary>The data directory of a server. One that nobody named gets its parents, which a fresh home directory
    /// does not have; one that was named must lie where something is, because a mistyped path should show.</summary>
    /// <inheritdoc cref="Resolve" path="/param"/>
    /// <exception cref="IOException">The parents cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The parents may not be made.</exception>
    public static string ResolveForServer(string? option, Func<string, string?> environment)
    {
        string path = Resolve(option, environment);
        string parent = Path.GetDirectoryName(path) ?? path;
        if (First(option, environment(Variable)) is null && !Directory.Exists(parent))
        {
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(parent);
            }
            else
            {
                Directory.CreateDirectory(
                    parent, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
        }

        return path;
    }

    private static string? First(params ReadOnlySpan<string?> candidates)
    {
        foreach (string? candidate in candidates)
        {
            if (!string.IsNullOrWhiteSpace(candidate))
            {
                return candidate;
            }
        }

        return null;
    }
}
