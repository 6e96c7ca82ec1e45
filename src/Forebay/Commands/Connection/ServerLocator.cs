using Forebay.Control.Access;
using Forebay.Storage;
using Forebay.Storage.Data;

namespace Forebay.Commands.Connection;

/// <summary>How to reach a server's admin API.</summary>
/// <param name="Url">Its address.</param>
/// <param name="Token">The admin token to send.</param>
/// <param name="Server">What it was found by in a data directory; null when the address was given.</param>
public sealed record AdminEndpoint(Uri Url, string Token, ServerInfo? Server);

/// <summary>
/// Finds the running server: by address and token where they are given, else through the data directory.
/// </summary>
public static class ServerLocator
{
    public const string UrlVariable = "FOREBAY_ADMIN_URL";
    public const string TokenVariable = "FOREBAY_ADMIN_TOKEN";

    /// <param name="dataDirectory">The data directory in force.</param>
    /// <param name="url">Address given, or null.</param>
    /// <param name="token">Token given, or null.</param>
    /// <exception cref="CommandException">No server can be found; the message says what to do.</exception>
    public static AdminEndpoint Find(string dataDirectory, string? url, string? token)
    {
        if (url is not null)
        {
            if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? address) || address.Scheme is not ("http" or "https"))
            {
                throw new CommandException($"{url} is no address of an admin API. " +
                    "Give one like http://127.0.0.1:8081.");
            }

            // The data directory's token belongs to its own server: it is not sent to an address that was typed in.
            return token is null
                ? throw new CommandException($"{url} needs a token. Set {TokenVariable}, or give --admin-token.")
                : new AdminEndpoint(address, token, null);
        }

        ServerInfo server = Running(dataDirectory) ?? throw new CommandException(
            $"No server runs on the data directory {dataDirectory}. Start one with `forebay up`, name another " +
            $"directory with --data, or a server elsewhere with --admin-url.");
        string secret = token ?? ReadToken(dataDirectory) ?? throw new CommandException(
            $"{Path.Combine(dataDirectory, AdminTokenFile.Name)} is missing. Restart the server, which writes it, or " +
            $"set {TokenVariable}.");
        return new AdminEndpoint(server.AdminUrl, secret, server);
    }

    /// <summary>The server that runs on a data directory; null when none does.</summary>
    /// <exception cref="CommandException">It cannot be told; the message says what to do.</exception>
    public static ServerInfo? Running(string dataDirectory)
    {
        try
        {
            return ServerInfo.Read(DataPaths.At(dataDirectory));
        }
        catch (StorageException e)
        {
            throw new CommandException(e.Message, e);
        }
    }

    private static string? ReadToken(string dataDirectory)
    {
        try
        {
            return AdminTokenFile.Read(dataDirectory);
        }
        catch (UnauthorizedAccessException)
        {
            throw new CommandException(
                $"The admin token in {dataDirectory} cannot be read by this user. Run the command as the server's " +
                $"user, or set {TokenVariable}.");
        }
    }
}
