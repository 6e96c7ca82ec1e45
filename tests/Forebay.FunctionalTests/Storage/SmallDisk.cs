using System.Diagnostics;
using Xunit;

namespace Forebay.FunctionalTests.Storage;

/// <summary>A file system of four mebibytes that really fills up. The test skips where none may be mounted.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private SmallDisk(string path) => Path = path;

    public string Path { get; }

    private string Ballast => System.IO.Path.Combine(Path, "ballast");

    public static async Task<SmallDisk> MountAsync()
    {
        string path = Directory.CreateTempSubdirectory("forebay-full-").FullName;
        if (!await RunAsync("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", path))
        {
            Directory.Delete(path);
            Assert.Skip("needs the right to mount a small file system (root)");
        }

        return new SmallDisk(path);
    }

    /// <summary>Takes so many bytes.</summary>
    public Task TakeAsync(int bytes) => File.WriteAllBytesAsync(Ballast, new byte[bytes]);

    /// <summary>Takes all there is.</summary>
    public async Task FillAsync()
    {
        await using FileStream file = File.Create(Ballast);
        byte[] page = new byte[4096];
        try
        {
            while (true)
            {
                await file.WriteAsync(page);
                await file.FlushAsync();
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    /// <summary>Gives back what was taken.</summary>
    public void Clear() => File.Delete(Ballast);

    public async ValueTask DisposeAsync()
    {
        Assert.True(await RunAsync("umount", Path));
        Directory.Delete(Path);
    }

    private static async Task<bool> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true };
        try
        {
            using Process process = Process.Start(start)!;
            await process.WaitForExitAsync();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
