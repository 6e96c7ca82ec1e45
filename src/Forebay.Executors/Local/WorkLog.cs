using System.Text;

namespace Forebay.Executors.Local;

/// <summary>The output of a work: a file that its processes append to, kept bounded from outside.</summary>
internal static class WorkLog
{
    /// <summary>Most bytes read for lines.</summary>
    private const int MostRead = 1 << 20;

    /// <summary>
    /// When the file has passed half its bound, its end becomes the older file and it begins anew: appending goes on at
    /// its new end. What is written in the moment between may be lost.
    /// </summary>
    public static void Bound(WorkFolder folder, long generation, int maxBytes)
    {
        string path = folder.Log(generation);
        int half = maxBytes / 2;
        var file = new FileInfo(path);
        if (!file.Exists || file.Length <= half)
        {
            return;
        }

        using var log = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        log.Seek(-half, SeekOrigin.End);
        var end = new byte[half];
        int read = log.ReadAtLeast(end, half, throwOnEndOfStream: false);
        File.WriteAllBytes(folder.OlderLog(generation), end.AsSpan(0, read));
        log.SetLength(0);
    }

    /// <summary>The last lines, oldest first.</summary>
    public static IReadOnlyList<string> Tail(WorkFolder folder, long generation, int lines)
    {
        string text = Read(folder.OlderLog(generation)) + Read(folder.Log(generation));
        string[] all = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return [.. all.TakeLast(lines).Select(static l => l.TrimEnd('\r'))];
    }

    private static string Read(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            file.Seek(-Math.Min(file.Length, MostRead), SeekOrigin.End);
            using var reader = new StreamReader(file, Encoding.UTF8);
            return reader.ReadToEnd();
        }
        catch (FileNotFoundException)
        {
            return "";
        }
    }
}
