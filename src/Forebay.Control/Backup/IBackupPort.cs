namespace Forebay.Control.Backup;

/// <summary>Copies the state of a running server.</summary>
public interface IBackupPort
{
    /// <summary>Writes a consistent copy of the whole state to a new file, while the server goes on serving.</summary>
    /// <param name="targetFile">Absolute path of a file that does not exist yet.</param>
    /// <param name="cancel">Gives up; nothing is left under that name.</param>
    /// <exception cref="IOException">The file could not be written; nothing useful is left under that name.</exception>
    Task WriteAsync(string targetFile, CancellationToken cancel);
}
