using Forebay.TestKit;
using Forebay.TestKit.Faults;

namespace Forebay.FaultRunner;

/// <summary>A copy of the repository with every fault in it. Kept between runs, so that only what changed is built
/// again.</summary>
internal sealed class ScratchTree(string root)
{
    private static readonly HashSet<string> Foreign =
        ["artifacts", "bin", "obj", ".git", ".forebay", ".vs", ".vscode", ".idea", "TestResults"];

    public string Root { get; } = root;

    /// <summary>Brings the copy up to date and puts the faults in.</summary>
    public void Fill(IReadOnlyList<Fault> faults)
    {
        string source = SharedFiles.RepositoryRoot;
        ILookup<string, Fault> byFile = faults.SelectMany(f => f.Edits.Select(e => (e.File, Fault: f)))
            .Distinct().ToLookup(p => p.File, p => p.Fault);
        var kept = new HashSet<string>(StringComparer.Ordinal);
        foreach (string path in Walk(source))
        {
            string relative = Path.GetRelativePath(source, path).Replace('\\', '/');
            kept.Add(relative);
            if (byFile.Contains(relative))
            {
                Write(relative, FaultPatch.Apply(relative, File.ReadAllText(path), byFile[relative]));
            }
            else
            {
                Copy(path, relative);
            }
        }

        foreach (string project in byFile.Select(f => string.Join('/', f.Key.Split('/').Take(2))).Distinct())
        {
            kept.Add($"{project}/InjectedFault.cs");
            Write($"{project}/InjectedFault.cs", FaultPatch.Switch);
        }

        foreach (string path in Walk(Root).ToArray())
        {
            if (!kept.Contains(Path.GetRelativePath(Root, path).Replace('\\', '/')))
            {
                File.Delete(path);
            }
        }

        LinkShared();
    }

    /// <summary>Tests look for recorded exchanges beside the repository.</summary>
    private void LinkShared()
    {
        string link = Path.GetFullPath(Path.Combine(Root, "..", "shared"));
        if (SharedFiles.Find(".") is { } shared && !Path.Exists(link))
        {
            Directory.CreateSymbolicLink(link, shared);
        }
    }

    private void Copy(string path, string relative)
    {
        string to = Path.Combine(Root, relative);
        if (!File.Exists(to) || !File.ReadAllBytes(path).AsSpan().SequenceEqual(File.ReadAllBytes(to)))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(path, to, overwrite: true);
            File.SetLastWriteTimeUtc(to, TimeProvider.System.GetUtcNow().UtcDateTime);
        }
    }

    private void Write(string relative, string text)
    {
        string to = Path.Combine(Root, relative);
        if (!File.Exists(to) || File.ReadAllText(to) != text)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.WriteAllText(to, text);
        }
    }

    private static IEnumerable<string> Walk(string folder) => !Directory.Exists(folder)
        ? []
        : Directory.EnumerateFiles(folder).Concat(Directory.EnumerateDirectories(folder)
            .Where(d => !Foreign.Contains(Path.GetFileName(d)))
            .SelectMany(Walk));
}
