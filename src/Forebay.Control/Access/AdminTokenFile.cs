using System.Text;
using Forebay.Core.Access;

namespace Forebay.Control.Access;

/// <summary>
/// The file in the data directory through which the command line reaches a running server: the secret of an admin
/// token, readable by its owner only.
/// </summary>
public static class AdminTokenFile
{
    /// <summary>Its name in the data directory.</summary>
    public const string Name = "admin.token";

    /// <summary>Reads the secret; null where there is no such file.</summary>
    public static string? Read(string dataDirectory)
    {
        string path = Path.Combine(dataDirectory, Name);
        return File.Exists(path) ? File.ReadAllText(path).Trim() : null;
    }

    /// <summary>
    /// Returns the secret in the file if it is still a usable token with the role admin; else issues one and writes it.
    /// </summary>
    public static async Task<string> EnsureAsync(
        string dataDirectory,
        AdminTokenService tokens,
        CancellationToken cancel)
    {
        if (Read(dataDirectory) is { Length: > 0 } kept
            && tokens.Find(kept) is { Role: AdminRole.Admin } token
            && tokens.IsUsable(token))
        {
            return kept;
        }

        IssuedToken issued = await tokens
            .CreateAsync("data directory", AdminRole.Admin, null, "startup", cancel)
            .ConfigureAwait(false);
        Write(Path.Combine(dataDirectory, Name), issued.Secret);
        return issued.Secret;
    }

    private static void Write(string path, string secret)
    {
        // A new file of its own, then a rename: never half written, never readable by others in between.
        string fresh = path + ".new";
        File.Delete(fresh);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using (var file = new FileStream(fresh, options))
        {
            file.Write(Encoding.ASCII.GetBytes(secret + "\n"));
            file.Flush(flushToDisk: true);
        }

        File.Move(fresh, path, overwrite: true);
    }
}
