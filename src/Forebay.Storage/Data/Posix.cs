using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Forebay.Storage.Data;

/// <summary>The two system calls that .NET has no way to ask for.</summary>
internal static class Posix
{
    private const int ReadOnly = 0;

    /// <summary>
    /// Makes a file's creation, renaming or removal in a directory durable: the file's own fsync does not.
    /// </summary>
    /// <exception cref="IOException">The disk refused.</exception>
    public static void FlushDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        using SafeFileHandle handle = Open(path);
        if (Fsync((int)handle.DangerousGetHandle()) != 0)
        {
            throw Failure("fsync", path);
        }
    }

    /// <summary>Opens a file for reading without the advisory lock that .NET takes, to read one that is locked.
    /// </summary>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static SafeFileHandle OpenUnlocked(string path) =>
        OperatingSystem.IsWindows() ? File.OpenHandle(path, share: FileShare.ReadWrite) : Open(path);

    private static SafeFileHandle Open(string path)
    {
        int closeOnExec = OperatingSystem.IsMacOS() ? 0x1000000 : 0x80000;
        int descriptor = OpenDescriptor(Encoding.UTF8.GetBytes(path + '\0'), ReadOnly | closeOnExec);
        return descriptor < 0 ? throw Failure("open", path) : new SafeFileHandle(descriptor, ownsHandle: true);
    }

    private static IOException Failure(string call, string path)
    {
        var error = new Win32Exception(Marshal.GetLastPInvokeError());
        return new IOException($"{call} of {path}: {error.Message}", error);
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int OpenDescriptor(byte[] path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Fsync(int descriptor);
}
