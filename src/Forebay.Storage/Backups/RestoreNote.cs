using System.Text.Json;
using Forebay.Storage.Data;

namespace Forebay.Storage.Backups;

/// <summary>What a restore leaves for the next start to audit.</summary>
/// <param name="BackupCreatedAt">When the backup was made: what was revoked since works again.</param>
public sealed record RestoreNote(DateTimeOffset BackupCreatedAt)
{
    /// <summary>The note of a restore that no start has audited yet, or null.</summary>
    public static RestoreNote? Read(DataDirectory directory)
    {
        string path = directory.Paths.RestoredFile;
        return File.Exists(path)
            ? JsonSerializer.Deserialize(File.ReadAllBytes(path), StorageJson.Default.RestoreNote)
            : null;
    }

    /// <summary>Removes the note: the audit log has it now.</summary>
    public static void Clear(DataDirectory directory) => File.Delete(directory.Paths.RestoredFile);
}
