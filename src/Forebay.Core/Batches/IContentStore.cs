namespace Forebay.Core.Batches;

/// <summary>What a content is.</summary>
public enum ContentKind : byte
{
    /// <summary>The items of a batch, a frame each, in their order.</summary>
    Items,

    /// <summary>What happened to the items of a batch, and their results.</summary>
    Log,

    /// <summary>A file of a tenant's, in pieces.</summary>
    File,
}

/// <summary>Names a content. The tenant is part of the key that it is encrypted by, so that under another tenant's
/// name nothing can be read.</summary>
public readonly record struct ContentName(string Tenant, ContentKind Kind, string Id);

/// <summary>What a frame is.</summary>
public enum FrameKind : byte
{
    /// <summary>An item as it was handed over, or a piece of a file.</summary>
    Content,

    /// <summary>An attempt at an item begins.</summary>
    Started,

    /// <summary>An item has its outcome; the frame holds its line of the results.</summary>
    Settled,
}

/// <summary>What stands beside the content of a frame: unencrypted, but nothing in it can be changed unnoticed.
/// </summary>
/// <param name="Kind">What the frame is.</param>
/// <param name="Item">Number of the item, or of the piece.</param>
/// <param name="Attempt">Number of the attempt.</param>
/// <param name="Outcome">How the item ended.</param>
/// <param name="Request">The request that the attempt was.</param>
/// <param name="Tokens">What the answer took.</param>
public readonly record struct FrameHead(
    FrameKind Kind, int Item, int Attempt, ItemOutcome Outcome, UInt128 Request, BatchTokens Tokens);

/// <summary>
/// Contents that tenants handed over, and results made of them: encrypted files of frames. All calls block on the disk;
/// an <see cref="IOException"/> says that it refused, an <see cref="InvalidDataException"/> that what is there is not
/// what was written, or was written under another key.
/// </summary>
public interface IContentStore
{
    /// <summary>Begins a content. It is there once it is committed, whole or not at all.</summary>
    IContentWriter Create(ContentName name);

    /// <summary>Opens a log to go on with, creating it where there is none: torn bytes at its end are cut off.
    /// </summary>
    /// <param name="name">Which.</param>
    /// <param name="found">Told of every frame that is there, in order.</param>
    IContentLog OpenLog(ContentName name, Action<FrameHead> found);

    /// <summary>Opens a content for reading; null when there is none.</summary>
    IContentReader? Open(ContentName name);

    /// <summary>Removes a content, if it is there. Who reads it reads on.</summary>
    void Delete(ContentName name);

    /// <summary>Removes what is left of contents that were never committed, and of those that nobody knows.</summary>
    /// <returns>How many of the latter.</returns>
    int Sweep(Func<ContentKind, string, bool> isKnown);
}

/// <summary>Writes a content. Disposing before it is committed leaves nothing.</summary>
public interface IContentWriter : IDisposable
{
    /// <summary>Bytes on the disk so far.</summary>
    long Bytes { get; }

    void Append(in FrameHead head, ReadOnlySpan<byte> content);

    /// <summary>Brings it to the disk and under its name.</summary>
    void Commit();
}

/// <summary>A log that grows. Safe for concurrent callers.</summary>
public interface IContentLog : IDisposable
{
    long Bytes { get; }

    /// <summary>Appends a frame: it survives the process once this returns, and a power cut after
    /// <see cref="SyncAsync"/>. Where it fails the log is as before.</summary>
    void Append(in FrameHead head, ReadOnlySpan<byte> content);

    /// <summary>Waits until all that was appended before is on the disk. Many wait for one sync.</summary>
    Task SyncAsync();
}

/// <summary>Reads a content. Safe for concurrent callers.</summary>
public interface IContentReader : IDisposable
{
    /// <summary>Reads the frame at a position, and moves the position behind it. False at the end.</summary>
    /// <param name="position">0 for the first.</param>
    /// <param name="head">What stands beside it.</param>
    /// <param name="content">Its content.</param>
    bool TryRead(ref long position, out FrameHead head, out byte[] content);
}
