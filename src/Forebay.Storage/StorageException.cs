namespace Forebay.Storage;

/// <summary>
/// Stored state cannot be opened, read or written. The message says what stands in the way and what to do about it.
/// </summary>
public sealed class StorageException : Exception
{
    public StorageException()
    {
    }

    public StorageException(string message) : base(message)
    {
    }

    public StorageException(string message, Exception inner) : base(message, inner)
    {
    }
}
