using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Forebay.Executors.Local;

/// <summary>
/// A process as Linux tells it: its number, and when it began. A number is given again after its process has gone, the
/// two together are not within one boot.
/// </summary>
internal readonly record struct ProcessIdentity(int Pid, long StartTicks)
{
    private const int SignalTerminate = 15;
    private const int SignalKill = 9;

    /// <summary>Which boot of the machine this is.</summary>
    public static string ReadBoot() => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    /// <summary>Reads a line of <c>/proc/PID/stat</c>; null for what is not one, as for one half written.</summary>
    public static ProcessIdentity? Parse(string stat)
    {
        // The name in parentheses may hold anything; what follows the last one is numbers: state is field 3, the start
        // is field 22 (proc_pid_stat(5)).
        int name = stat.IndexOf('(');
        int end = stat.LastIndexOf(')');
        if (name <= 0 || end < name)
        {
            return null;
        }

        string[] fields = stat[(end + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields.Length > 19
            && int.TryParse(stat.AsSpan(0, name), NumberStyles.AllowTrailingWhite, null, out int pid)
            && long.TryParse(fields[19], out long start)
            ? new ProcessIdentity(pid, start)
            : null;
    }

    /// <summary>Whether this very process runs still, and has a token in its environment. One that has ended and was
    /// not yet waited for does not run.</summary>
    public bool Runs(string token) => ReadStat(Pid) is { } stat
        && Parse(stat) == this
        && !IsZombie(stat)
        && HasToken(Pid, token);

    /// <summary>Asks the process itself to end.</summary>
    public void Terminate() => _ = Kill(Pid, SignalTerminate);

    /// <summary>Ends every process of a group whose processes have a token, which proves them to be ours.</summary>
    /// <returns>How many there were.</returns>
    public static int KillGroup(int group, string token)
    {
        int found = 0;
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), out int pid)
                && ReadStat(pid) is { } stat
                && GroupOf(stat) == group
                && !IsZombie(stat)
                && HasToken(pid, token))
            {
                found++;
                _ = Kill(pid, SignalKill);
            }
        }

        return found;
    }

    private static bool IsZombie(string stat) => stat[(stat.LastIndexOf(')') + 1)..].TrimStart() is ['Z' or 'X', ..];

    private static int GroupOf(string stat)
    {
        string[] fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields.Length > 2 && int.TryParse(fields[2], out int group) ? group : 0;
    }

    private static string? ReadStat(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/stat");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool HasToken(int pid, string token)
    {
        try
        {
            return File.ReadAllBytes($"/proc/{pid}/environ").AsSpan().IndexOf(Encoding.ASCII.GetBytes(token)) >= 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int pid, int signal);
}
