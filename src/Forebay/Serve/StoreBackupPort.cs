using Forebay.Control.Backup;
using Forebay.Storage;
using Forebay.Storage.Backups;

namespace Forebay.Serve;

/// <summary>Lets the admin API back up the local store.</summary>
internal sealed class StoreBackupPort(LocalStore store, TimeProvider time) : IBackupPort
{
    public async Task WriteAsync(string targetFile, CancellationToken cancel)
    {
        try
        {
            await Backup.CreateAsync(store, targetFile, time, cancel);
        }
        catch (StorageException e)
        {
            throw new IOException(e.Message, e);
        }
    }
}
