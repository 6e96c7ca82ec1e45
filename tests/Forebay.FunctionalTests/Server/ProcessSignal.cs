using System.Runtime.InteropServices;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary>Signals as a shell or a supervisor sends them.</summary>
internal enum ProcessSignal
{
    HangUp = 1,
    Interrupt = 2,
    Kill = 9,
    Terminate = 15,
}

/// <summary>What the kernel tells of processes that are no children of ours.</summary>
internal static class ProcessTable
{
    public static void Send(int pid, ProcessSignal signal) =>
        Assert.True(Kill(pid, (int)signal) == 0, $"kill -{(int)signal} {pid}: {Marshal.GetLastPInvokeErrorMessage()}");

    /// <summary>Children of a process, by its id.</summary>
    public static IReadOnlyList<RunningProcess> ChildrenOf(int pid) =>
    [
        .. Directory.EnumerateDirectories("/proc")
            .Select(d => int.TryParse(Path.GetFileName(d), out int id) ? Find(id) : null)
            .OfType<RunningProcess>()
            .Where(p => p.Parent == pid),
    ];

    /// <summary>A process that has not ended; null when there is none of that id.</summary>
    public static RunningProcess? Find(int pid)
    {
        try
        {
            // The name, in brackets, may hold anything: what follows the last bracket is fields.
            string stat = File.ReadAllText($"/proc/{pid}/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] is "Z" or "X" ? null : new RunningProcess(pid, int.Parse(fields[1]), fields[19]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int pid, int signal);
}

/// <param name="Id">Process id.</param>
/// <param name="Parent">Process id of its parent.</param>
/// <param name="Started">When it started, in ticks since boot: tells it from a later one with the same id.</param>
internal sealed record RunningProcess(int Id, int Parent, string Started)
{
    public bool IsGone => ProcessTable.Find(Id)?.Started != Started;
}
