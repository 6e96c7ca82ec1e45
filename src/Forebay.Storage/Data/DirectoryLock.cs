using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Forebay.Storage.Data;

/// <summary>
/// Keeps a second process out of a data directory. The lock is the kernel's (flock), so it is free the moment its
/// process is gone, however it went.
/// </summary>
internal sealed class DirectoryLock : IDisposable
{
    private const int MaxTries = 20;
    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(20);

    private readonly FileStream _file;

    private DirectoryLock(FileStream file) => _file = file;

    /// <exception cref="StorageException">Another process has it; the message names it.</exception>
    public static DirectoryLock Take(DataPaths paths)
    {
        FileStream file = TakeFile(paths);
        file.SetLength(0);
        file.Write(Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture)));
        file.Flush();
        return new DirectoryLock(file);
    }

    /// <summary>A command that looks whether a server runs holds the lock, shared, for a moment: worth a few tries.
    /// </summary>
    private static FileStream TakeFile(DataPaths paths)
    {
        using var pause = new ManualResetEventSlim();
        for (int tries = 1; ; tries++)
        {
            try
            {
                return PrivateFile.Open(paths.LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (tries < MaxTries && File.Exists(paths.LockFile))
            {
                pause.Wait(BetweenTries);
            }
            catch (IOException e) when (File.Exists(paths.LockFile) && HolderPid(paths) is { } pid)
            {
                throw new StorageException(
                    $"{paths.Root} is in use by process {pid}. Stop it (kill {pid}), or give this one "
                    + "another directory with --data.", e);
            }
        }
    }

    /// <summary>Whether a live process has the directory. The probe is shared, so that probes never take each other for
    /// a server.</summary>
    public static bool IsHeld(DataPaths paths)
    {
        if (!File.Exists(paths.LockFile))
        {
            return false;
        }

        try
        {
            using FileStream probe = PrivateFile.Open(
                paths.LockFile, FileMode.Open, FileAccess.Read, FileShare.Read);
            return false;
        }
        catch (IOException e) when (e is not (FileNotFoundException or DirectoryNotFoundException))
        {
            return true;
        }
    }

    public void Dispose() => _file.Dispose();

    private static int? HolderPid(DataPaths paths)
    {
        using SafeFileHandle handle = Posix.OpenUnlocked(paths.LockFile);
        Span<byte> text = stackalloc byte[16];
        int read = RandomAccess.Read(handle, text, 0);
        return int.TryParse(text[..read], CultureInfo.InvariantCulture, out int pid) ? pid : null;
    }
}
