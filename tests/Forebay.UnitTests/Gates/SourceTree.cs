using Forebay.TestKit;

namespace Forebay.UnitTests.Gates;

/// <summary>A text file of the repository.</summary>
/// <param name="Path">Path from the root, with slashes.</param>
/// <param name="Text">Its content.</param>
public sealed record SourceFile(string Path, string Text)
{
    public string Extension => System.IO.Path.GetExtension(Path);

    public string[] Lines => Text.Split('\n');
}

/// <summary>The repository's own files, without what builds and tools leave behind.</summary>
public static class SourceTree
{
    private static readonly HashSet<string> Foreign =
        ["artifacts", "bin", "obj", ".git", ".forebay", ".vs", ".vscode", ".idea", "node_modules", "TestResults"];

    private static readonly HashSet<string> TextExtensions =
        [".cs", ".csproj", ".props", ".md", ".yaml", ".yml", ".json", ".txt", ".sh", ".slnx", ".sql", ".editorconfig"];

    public static IReadOnlyList<SourceFile> Files { get; } =
        [.. Walk(SharedFiles.RepositoryRoot).Select(Load).OrderBy(f => f.Path, StringComparer.Ordinal)];

    public static IEnumerable<SourceFile> CSharp => Files.Where(f => f.Extension == ".cs");

    public static IEnumerable<SourceFile> Markdown => Files.Where(f => f.Extension == ".md");

    /// <summary>All folders that hold files, from the root, with the number of files directly in each.</summary>
    public static IEnumerable<(string Folder, int Files)> Folders =>
        Files.GroupBy(f => Path.GetDirectoryName(f.Path) ?? "").Select(g => (g.Key, g.Count()));

    private static IEnumerable<string> Walk(string folder) =>
        Directory.EnumerateFiles(folder).Where(IsText).Concat(
            Directory.EnumerateDirectories(folder)
                .Where(d => !Foreign.Contains(Path.GetFileName(d)))
                .SelectMany(Walk));

    /// <summary>Scripts have no extension; everything else is known by its own.</summary>
    private static bool IsText(string path) =>
        TextExtensions.Contains(Path.GetExtension(path))
        || (Path.GetExtension(path).Length == 0 && IsScript(path));

    private static bool IsScript(string path) =>
        File.ReadLines(path).FirstOrDefault("").StartsWith("#!", StringComparison.Ordinal);

    private static SourceFile Load(string path) => new(
        Path.GetRelativePath(SharedFiles.RepositoryRoot, path).Replace('\\', '/'),
        File.ReadAllText(path));
}
