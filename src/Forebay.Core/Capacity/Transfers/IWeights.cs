namespace Forebay.Core.Capacity.Transfers;

/// <summary>A transfer as its users see it.</summary>
/// <param name="Spec">What, and which way.</param>
/// <param name="Progress">Where it stands.</param>
/// <param name="BytesPerSecond">The rate lately; 0 when nothing moves.</param>
/// <param name="DoneUnixMs">When it should be there, by the link's forecast; null when that is not foreseen.</param>
/// <param name="Path">The file, once it is there.</param>
public sealed record TransferView(
    TransferSpec Spec, TransferProgress Progress, double BytesPerSecond, long? DoneUnixMs, string? Path);

/// <summary>The weights at sites: fetches what is wanted, keeps what was, within bounds.</summary>
public interface IWeights
{
    /// <summary>
    /// Says all that is wanted now: what is missing is fetched, wanted twice it is fetched once; a transfer that
    /// nobody wants any more stops and keeps what it has; what is wanted is never evicted. Returns at once.
    /// </summary>
    /// <param name="wanted">Every file that some replica needs.</param>
    /// <param name="again">Those of them that are tried once more where they failed.</param>
    void Want(IReadOnlyCollection<TransferSpec> wanted, IReadOnlySet<TransferKey> again);

    /// <summary>A transfer wanted before; null for one never heard of.</summary>
    TransferView? Find(TransferKey key);

    /// <summary>Every transfer known.</summary>
    IReadOnlyList<TransferView> List();

    /// <summary>Lays files out in a folder as an engine expects them.</summary>
    /// <param name="owner">The replica; its folder is made anew.</param>
    /// <param name="site">Where.</param>
    /// <param name="files">Path in the folder, and the file.</param>
    /// <returns>The folder.</returns>
    /// <exception cref="IOException">A file is not there, or the disk refused.</exception>
    string LayOut(string owner, string site, IReadOnlyCollection<(string Path, string Sha256)> files);
}

/// <summary>Where the progress of transfers is kept.</summary>
public interface ITransferStore
{
    Task<IReadOnlyList<StoredTransfer>> ListTransfersAsync(CancellationToken cancel);

    /// <summary>Stores a transfer's progress; on disk when it returns.</summary>
    Task SaveTransferAsync(StoredTransfer transfer, CancellationToken cancel);

    Task RemoveTransferAsync(TransferKey key, CancellationToken cancel);
}

/// <summary>A transfer as it is kept.</summary>
/// <param name="Spec">What, and which way.</param>
/// <param name="Progress">Where it stands.</param>
/// <param name="UsedUnixMs">When it was last wanted.</param>
public sealed record StoredTransfer(TransferSpec Spec, TransferProgress Progress, long UsedUnixMs);
