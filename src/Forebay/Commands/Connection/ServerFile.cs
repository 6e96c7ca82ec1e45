using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Forebay.Commands.Connection;

/// <summary>
/// <c>server.json</c> in the data directory: how commands reach the server that runs on it. Written once it listens,
/// taken away when it stops.
/// </summary>
/// <param name="Pid">Process id of the server.</param>
/// <param name="BaseUrl">Where models are served.</param>
/// <param name="AdminUrl">Where the admin API is.</param>
/// <param name="AdminCertificateFile">PEM file of the admin port's certificate, so that local commands trust exactly
/// that one; null without TLS.</param>
public sealed record ServerFile(int Pid, Uri BaseUrl, Uri AdminUrl, string? AdminCertificateFile = null)
{
    /// <summary>Its name in the data directory.</summary>
    public const string Name = "server.json";

    public static string PathIn(string dataDirectory) => Path.Combine(dataDirectory, Name);

    /// <summary>Reads the file; null where there is none.</summary>
    /// <exception cref="CommandException">It is there but makes no sense.</exception>
    public static ServerFile? Read(string dataDirectory)
    {
        string path = PathIn(dataDirectory);
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(path), ServerFileJson.Default.ServerFile)
                ?? throw new JsonException("It holds null.");
        }
        catch (JsonException e)
        {
            throw new CommandException($"{path} is damaged ({e.Message}). Stop the server, delete it, start again.");
        }
        catch (UnauthorizedAccessException)
        {
            throw new CommandException($"{path} cannot be read by this user. Run the command as the server's user.");
        }
    }

    /// <summary>Writes the file whole: readers see the old one or the new one.</summary>
    public void Write(string dataDirectory)
    {
        string path = PathIn(dataDirectory);
        string fresh = path + ".new";
        File.WriteAllText(fresh, JsonSerializer.Serialize(this, ServerFileJson.Default.ServerFile) + "\n");
        File.Move(fresh, path, overwrite: true);
    }

    public static void Delete(string dataDirectory) => File.Delete(PathIn(dataDirectory));

    /// <summary>An address as seen from this machine: one that means "all addresses" becomes loopback.</summary>
    public static Uri FromHere(Uri bound)
    {
        bool any = IPAddress.TryParse(bound.Host.Trim('[', ']'), out IPAddress? address)
            && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any));
        return any ? new UriBuilder(bound) { Host = "127.0.0.1" }.Uri : bound;
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ServerFile))]
internal sealed partial class ServerFileJson : JsonSerializerContext;
