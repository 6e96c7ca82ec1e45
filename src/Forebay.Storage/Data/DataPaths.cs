namespace Forebay.Storage.Data;

/// <summary>Where things lie in a data directory. Needs no lock, so commands can find a running server by it.</summary>
public sealed class DataPaths
{
    private DataPaths(string root) => Root = root;

    /// <summary>The data directory, as an absolute path.</summary>
    public string Root { get; }

    /// <summary>Keys, tokens, audit log and usage aggregates.</summary>
    public string Database => Path.Combine(Root, "forebay.db");

    /// <summary>The usage journal's segments.</summary>
    public string Journal => Path.Combine(Root, "journal");

    /// <summary>What tenants handed over in batches and files, encrypted.</summary>
    public string Contents => Path.Combine(Root, "contents");

    /// <summary>The key that contents are encrypted with, where none is configured.</summary>
    public string ContentKey => Path.Combine(Root, "contents.key");

    /// <summary>Where the running server listens: <see cref="ServerInfo"/>.</summary>
    public string ServerFile => Path.Combine(Root, "server.json");

    /// <summary>The certificate that the running server's admin port presents, as PEM; there only with TLS.</summary>
    public string AdminCertificate => Path.Combine(Root, "admin.crt");

    /// <summary>Held while a process uses the directory; holds its pid.</summary>
    public string LockFile => Path.Combine(Root, "lock");

    /// <summary>The version of this layout.</summary>
    public string VersionFile => Path.Combine(Root, "version");

    /// <summary>Start of the names of folders that hold what was there before a restore.</summary>
    internal const string BeforeRestorePrefix = "before-restore-";

    /// <summary>Says that the state was restored, until the next start has put it into the audit log.</summary>
    internal string RestoredFile => Path.Combine(Root, "restored.json");

    /// <summary>Where a restore unpacks; there only while one runs or was interrupted.</summary>
    internal string RestoreStaging => Path.Combine(Root, "restoring");

    public static DataPaths At(string root) => new(Path.TrimEndingDirectorySeparator(Path.GetFullPath(root)));
}
