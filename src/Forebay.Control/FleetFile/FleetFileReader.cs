using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Links;

namespace Forebay.Control.FleetFile;

/// <summary>
/// Reads fleet files. Never throws on any content: every problem of the file is reported, each once, with its place and
/// what to change.
/// </summary>
/// <param name="knownAccelerators">Types in the accelerator catalogue.</param>
public sealed class FleetFileReader(IReadOnlySet<string> knownAccelerators)
{
    /// <summary>Largest file, in bytes; for text, in characters.</summary>
    public const int MaxBytes = 4 * 1024 * 1024;

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads the text of a fleet file.</summary>
    /// <param name="text">The text.</param>
    /// <param name="fileName">The file's name for messages.</param>
    public FleetFileResult Read(string text, string fileName) =>
        Read(text, fileName, HashOf(Encoding.UTF8.GetBytes(text)));

    private FleetFileResult Read(string text, string fileName, string hash)
    {
        var problems = new ProblemList(fileName);
        if (text.Length > MaxBytes)
        {
            return Failed(fileName, hash, problems, TooLarge, "Is this the right file?");
        }

        // 1. Text to nodes.
        var composer = new YamlComposer(text, problems);
        YamlNode? root = composer.Compose();
        if (root is null or YamlScalar { IsNull: true })
        {
            return problems.Count > 0 ? Failed(fileName, hash, problems)
                : Failed(fileName, hash, problems, "the file is empty", "See examples/small.yaml.");
        }

        if (root is not YamlMapping mapping)
        {
            problems.Add(
                root.At,
                "",
                $"expected keys such as providers: and sites:, found {ScalarBinding.Describe(root, secret: true)}",
                "See examples/small.yaml.");
            return Failed(fileName, hash, problems);
        }

        // 2. Nodes to records: forms and types.
        var binder = new FleetFileBinder(problems, composer.Nodes);
        FleetConfig config = binder.Bind<FleetConfig>(mapping);

        // 3. Schedules that stand in files of their own.
        config = WithSchedules(config, fileName, binder, problems);

        // 4. Rules, without the echoes of what could not be read.
        var echoes = new EchoFilter(problems.Found.Select(p => p.Path).Concat(binder.UnreadPaths));
        foreach (ConfigProblem found in FleetValidator.Validate(config, knownAccelerators, binder.UnreadSections))
        {
            if (!echoes.IsEcho(found.Path) && !echoes.IsEcho(found.OtherPath ?? ""))
            {
                Place at = FleetFileResult.FindPlace(binder.Places, found.Path);
                problems.Add(at, found.Path, found.Message, found.Fix);
            }
        }

        return new FleetFileResult(
            fileName, problems.Count == 0 ? config : null, problems.Sorted(), binder.Places, hash);
    }

    /// <summary>Puts the steps of schedule files where they belong.</summary>
    private static FleetConfig WithSchedules(
        FleetConfig config,
        string fileName,
        FleetFileBinder binder,
        ProblemList problems)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(fileName)) ?? ".";
        var sites = (SiteConfig[])config.Sites.Clone();
        for (int i = 0; i < sites.Length; i++)
        {
            if (sites[i].Link is not { ScheduleFile: { } file, Steps.Length: 0 } link)
            {
                continue;
            }

            LinkStepConfig[] steps = LinkScheduleFile.Read(Path.Combine(folder, file), out IReadOnlyList<string> wrong);
            string path = $"sites[{i}].link.schedule_file";
            foreach (string problem in wrong)
            {
                problems.Add(
                    FleetFileResult.FindPlace(binder.Places, path),
                    path,
                    $"{Words.Quote(file, maxShown: 200)}: {problem}",
                    $"See examples/leo-backhaul.csv; paths are relative to the fleet file.");
            }

            if (steps.Length > 0)
            {
                sites[i] = sites[i] with { Link = link with { ScheduleFile = null, Steps = steps } };
            }
        }

        return config with { Sites = sites };
    }

    /// <summary>Reads a fleet file from disk. A file that cannot be read is a problem like any other.</summary>
    public FleetFileResult ReadFile(string path)
    {
        var problems = new ProblemList(path);
        if (!TryReadBytes(path, out byte[] content, out string? reason))
        {
            return Failed(path, "", problems, reason, "Check the path and its permissions.");
        }

        string hash = HashOf(content);
        if (content.Length > MaxBytes)
        {
            return Failed(path, hash, problems, TooLarge, "Is this the right file?");
        }

        try
        {
            return Read(Utf8.GetString(content).TrimStart('\uFEFF'), path, hash);
        }
        catch (DecoderFallbackException e)
        {
            int line = 1 + content.AsSpan(0, Math.Clamp(e.Index, 0, content.Length)).Count((byte)'\n');
            problems.Add(new Place(line, 1), "", "the file is not UTF-8 text", "Save it as UTF-8.");
            return Failed(path, hash, problems);
        }
    }

    /// <summary>The hash that <see cref="FleetFileResult.Sha256"/> would hold for the file's content now.</summary>
    public static string HashOf(string path) => TryReadBytes(path, out byte[] content, out _) ? HashOf(content) : "";

    private static string HashOf(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    private static bool TryReadBytes(string path, out byte[] content, [NotNullWhen(false)] out string? problem)
    {
        content = [];
        problem = null;
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            content = ReadBounded(file);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException
            or ArgumentException)
        {
            string name = Words.Quote(path, maxShown: 200);
            problem = e switch
            {
                FileNotFoundException or DirectoryNotFoundException => $"there is no file {name}",
                UnauthorizedAccessException => $"{name} may not be read, or is a directory",
                _ => $"{name} cannot be read: {Words.Quote(e.Message, maxShown: 200)}",
            };
            return false;
        }
    }

    /// <summary>The content, or one byte more than may be.</summary>
    private static byte[] ReadBounded(Stream file)
    {
        using var content = new MemoryStream();
        var buffer = new byte[64 * 1024];
        for (int read = 1; read > 0 && content.Length <= MaxBytes;)
        {
            read = file.Read(buffer, 0, (int)Math.Min(buffer.Length, MaxBytes + 1 - content.Length));
            content.Write(buffer, 0, read);
        }

        return content.ToArray();
    }

    private static string TooLarge => $"the file is larger than {MaxBytes / 1024 / 1024} MiB";

    private static FleetFileResult Failed(
        string file,
        string hash,
        ProblemList problems,
        string message,
        string fix)
    {
        problems.Add(new Place(1, 1), "", message, fix);
        return Failed(file, hash, problems);
    }

    private static FleetFileResult Failed(string file, string hash, ProblemList problems) =>
        new(file, null, problems.Sorted(), FrozenDictionary<string, Place>.Empty, hash);
}
