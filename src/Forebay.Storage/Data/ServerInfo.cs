using System.Text.Json;
using System.Text.Json.Serialization;

namespace Forebay.Storage.Data;

/// <summary>How commands reach the server that runs on a data directory.</summary>
/// <param name="Pid">Its process id.</param>
/// <param name="BaseUrl">The API that clients call.</param>
/// <param name="AdminUrl">The admin API.</param>
public sealed record ServerInfo(int Pid, Uri BaseUrl, Uri AdminUrl)
{
    /// <summary>
    /// Reads what the running server wrote; null when there is none, or when the one that wrote it is gone.
    /// </summary>
    /// <exception cref="StorageException">The file is there but cannot be read.</exception>
    public static ServerInfo? Read(DataPaths paths)
    {
        try
        {
            if (!File.Exists(paths.ServerFile) || !DirectoryLock.IsHeld(paths))
            {
                return null;
            }

            return JsonSerializer.Deserialize(
                File.ReadAllBytes(paths.ServerFile), StorageJson.Default.ServerInfo);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new StorageException(
                $"Cannot read {paths.ServerFile}: {e.Message} Run as the user that started the server, "
                + "or restart the server to write it anew.", e);
        }
    }
}

/// <summary>JSON of the files in a data directory.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(ServerInfo))]
[JsonSerializable(typeof(Backups.BackupManifest))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
internal sealed partial class StorageJson : JsonSerializerContext;
