using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Forebay.Storage.Data;

/// <summary>How commands reach the server that runs on a data directory.</summary>
/// <param name="Pid">Its process id.</param>
/// <param name="BaseUrl">The API that clients call, as seen from this machine.</param>
/// <param name="AdminUrl">The admin API, as seen from this machine.</param>
/// <param name="AdminCertificateFile">PEM file whose first certificate the admin port presents, so that local commands
/// trust exactly that one; null without TLS.</param>
public sealed record ServerInfo(int Pid, Uri BaseUrl, Uri AdminUrl, string? AdminCertificateFile = null)
{
    /// <summary>
    /// Reads what the running server wrote; null when there is none, or when the one that wrote it is gone: its port
    /// may be another program's by now, which must not get the admin token.
    /// </summary>
    /// <exception cref="StorageException">The file is there but cannot be read, or makes no sense.</exception>
    public static ServerInfo? Read(DataPaths paths)
    {
        try
        {
            if (!File.Exists(paths.ServerFile) || !DirectoryLock.IsHeld(paths))
            {
                return null;
            }

            return JsonSerializer.Deserialize(File.ReadAllBytes(paths.ServerFile), StorageJson.Default.ServerInfo)
                ?? throw new JsonException("It holds null.");
        }
        catch (JsonException e)
        {
            throw new StorageException(
                $"{paths.ServerFile} is damaged ({e.Message}). Restart the server, which writes it anew.", e);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException(
                $"{paths.ServerFile} cannot be read: {e.Message} Run the command as the server's user.", e);
        }
    }

    /// <summary>An address as seen from this machine: one that means "all addresses" becomes loopback.</summary>
    public static Uri FromHere(Uri bound)
    {
        bool any = IPAddress.TryParse(bound.Host.Trim('[', ']'), out IPAddress? address)
            && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any));
        return any ? new UriBuilder(bound) { Host = "127.0.0.1" }.Uri : bound;
    }
}

/// <summary>JSON of the files in a data directory.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    WriteIndented = true)]
[JsonSerializable(typeof(ServerInfo))]
[JsonSerializable(typeof(Backups.BackupManifest))]
[JsonSerializable(typeof(Backups.RestoreNote))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
internal sealed partial class StorageJson : JsonSerializerContext;
