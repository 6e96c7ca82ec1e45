using Forebay.Storage;
using Forebay.Storage.Data;
using Forebay.Storage.Journal;
using Forebay.TestKit.Time;
using Microsoft.Extensions.Logging.Abstractions;

namespace Forebay.UnitTests.Storage;

/// <summary>
/// A folder that goes with the test. In memory where the machine has room for that: a sync costs nothing there, and
/// what a real disk does is tested by the functional tests.
/// </summary>
internal sealed class TempFolder : IDisposable
{
    private const string MemoryFileSystem = "/dev/shm";
    private const long EnoughBytes = 256 << 20;

    public string Path { get; } = Directory.Exists(MemoryFileSystem)
        && new DriveInfo(MemoryFileSystem).AvailableFreeSpace > EnoughBytes
            ? Directory.CreateDirectory($"{MemoryFileSystem}/forebay-test-{Guid.NewGuid():N}").FullName
            : Directory.CreateTempSubdirectory("forebay-test-").FullName;

    public string Of(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>A store in a data directory of its own.</summary>
internal sealed class OpenStore : IAsyncDisposable
{
    private readonly DataDirectory _directory;

    private OpenStore(DataDirectory directory, LocalStore store)
    {
        _directory = directory;
        Store = store;
    }

    public LocalStore Store { get; }

    public DataPaths Paths => _directory.Paths;

    public static async Task<OpenStore> OpenAsync(
        string path, TimeProvider? time = null, LocalStoreOptions? options = null, IJournalDisk? disk = null)
    {
        DataDirectory directory = DataDirectory.Open(path);
        try
        {
            LocalStore store = await LocalStore.OpenAsync(
                directory.Paths, disk ?? new JournalDisk(), time ?? new ManualTime(), NullLogger.Instance,
                options ?? new LocalStoreOptions(), CancellationToken.None);
            return new OpenStore(directory, store);
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        _directory.Dispose();
    }
}
