using Forebay.Storage.Data;
using Forebay.Storage.Sqlite;

namespace Forebay.Storage.Contents;

/// <summary>Opens the contents of a data directory with the right key, or not at all.</summary>
public static class ContentsOpening
{
    /// <summary>Opens them. Nothing is changed where the key is not the one that they were encrypted with.</summary>
    /// <param name="store">The open store of the same directory.</param>
    /// <param name="paths">The directory.</param>
    /// <param name="key">The configured key's text; null for the key file of the directory.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="StorageException">The key is missing, wrong or no key.</exception>
    public static async Task<ContentStore> OpenAsync(
        LocalStore store, DataPaths paths, string? key, CancellationToken cancel)
    {
        var rows = new SqliteBatchStore(store.Database);
        byte[]? known = await rows.ReadKeyAsync(cancel).ConfigureAwait(false);
        // Rows alone, as after a restore, do not need the key.
        bool holds = known is not null && Directory.Exists(paths.Contents)
            && Directory.EnumerateFiles(paths.Contents, "*.fbc", SearchOption.AllDirectories).Any();
        if (key is null && holds && !File.Exists(paths.ContentKey))
        {
            throw new StorageException($"{paths.ContentKey} is missing, and batches or files are stored that were "
                + "encrypted with it or with a configured key. Put the file back, or set server.batches.key to the key "
                + "that was configured. Nothing was changed.");
        }

        ContentKey opened = key is null ? ContentKey.FromFile(paths.ContentKey) : ContentKey.Parse(key);
        if (known is not null && !known.AsSpan().SequenceEqual(opened.Fingerprint))
        {
            if (holds)
            {
                string used = key is null ? paths.ContentKey : "server.batches.key";
                opened.Dispose();
                throw new StorageException($"The key of {used} is not the one that the stored batches and files were "
                    + "encrypted with. Give the right one; or delete what is stored with the right one first. Nothing "
                    + "was changed.");
            }

            known = null;
        }

        if (known is null)
        {
            await rows.SaveKeyAsync(opened.Fingerprint, cancel).ConfigureAwait(false);
        }

        return ContentStore.Open(paths.Contents, opened);
    }
}
