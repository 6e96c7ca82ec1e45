namespace Forebay.UnitTests.Storage;

/// <summary>Unix file modes; the tests of them mean nothing elsewhere.</summary>
internal static class Modes
{
    public const UnixFileMode OwnerFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    public const UnixFileMode OwnerFolder = OwnerFile | UnixFileMode.UserExecute;

    public static UnixFileMode Of(string path) => OperatingSystem.IsWindows()
        ? throw new PlatformNotSupportedException()
        : File.GetUnixFileMode(path);

    public static void CreateFolder(string path, UnixFileMode mode)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException();
        }

        Directory.CreateDirectory(path, mode);
    }
}
