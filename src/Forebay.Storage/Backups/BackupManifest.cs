namespace Forebay.Storage.Backups;

/// <summary>What a backup holds; its first entry.</summary>
/// <param name="FormatVersion">Version of the backup's own form.</param>
/// <param name="LayoutVersion">Version of the data directory's layout.</param>
/// <param name="CreatedAt">When it was taken.</param>
/// <param name="Files">Everything else in it.</param>
internal sealed record BackupManifest(
    int FormatVersion, int LayoutVersion, DateTimeOffset CreatedAt, IReadOnlyList<BackupFile> Files);

/// <summary>A file in a backup.</summary>
/// <param name="Name">Its path in the data directory, with slashes.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Its SHA-256 as hex digits.</param>
internal sealed record BackupFile(string Name, long Bytes, string Sha256);
