namespace Forebay.TestKit;

/// <summary>
/// Finds the repository and the reference material that may lie beside it in a folder called shared: public traces,
/// recorded exchanges, test vectors. Tests that need it skip, with a reason, where it is absent.
/// </summary>
public static class SharedFiles
{
    /// <summary>The root of the repository this test runs from.</summary>
    public static string RepositoryRoot { get; } = FindRoot();

    /// <summary>The path of a shared file or folder, or null where it is absent.</summary>
    public static string? Find(string relativePath)
    {
        string path = Path.GetFullPath(Path.Combine(RepositoryRoot, "..", "shared", relativePath));
        return Path.Exists(path) ? path : null;
    }

    /// <summary>The reason to skip with.</summary>
    public static string SkipReason(string relativePath) =>
        $"needs shared/{relativePath} beside the repository; it is not there";

    private static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Forebay.slnx")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("Run the tests from inside the repository.");
    }
}
