using System.Runtime.InteropServices;
using System.Text;
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
    public static IReadOnlyList<int> ChildrenOf(int pid) => [.. Ids().Where(id => ParentOf(id) == pid)];

    /// <summary>Every process that was started with a variable, or by one that was.</summary>
    public static IReadOnlyList<int> StartedWith(string name, string value) =>
    [
        .. Ids().Where(id =>
        {
            try
            {
                return Encoding.UTF8.GetString(File.ReadAllBytes($"/proc/{id}/environ"))
                    .Split('\0').Contains($"{name}={value}");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }),
    ];

    private static IEnumerable<int> Ids() => Directory.EnumerateDirectories("/proc")
        .Select(d => int.TryParse(Path.GetFileName(d), out int id) ? id : 0)
        .Where(id => id > 0);

    private static int? ParentOf(int pid)
    {
        try
        {
            // The name, in brackets, may hold anything: what follows the last bracket is fields.
            string stat = File.ReadAllText($"/proc/{pid}/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] is "Z" or "X" ? null : int.Parse(fields[1]);
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
