using Forebay.Core.Batches;

namespace Forebay.Control.Batches;

/// <summary>A batch whose items are added one by one.</summary>
internal sealed class BatchDraft(
    Batch batch,
    IContentWriter writer,
    long bytesLeft,
    Func<Batch, IContentWriter, CancellationToken, Task<Batch>> commit,
    Action<int> checkItems,
    long mostBytes)
    : IBatchDraft
{
    private const int CheckedEach = 1000;

    private int _count;
    private string? _model;
    private bool _mixed;

    public void Add(in BatchItem item)
    {
        byte[] frame = ItemFrame.Write(item);
        if (writer.Bytes + frame.Length > bytesLeft)
        {
            throw BatchRefusals.TooManyBytes(mostBytes, mostBytes - bytesLeft);
        }

        try
        {
            writer.Append(new FrameHead(FrameKind.Content, _count, 0, default, default, default), frame);
        }
        catch (IOException e)
        {
            throw BatchRefusals.Disk("The batch", e);
        }

        _mixed |= _model is not null && _model != item.Model;
        _model = item.Model;
        if (++_count % CheckedEach == 0)
        {
            checkItems(_count);
        }
    }

    public Task<Batch> CommitAsync(CancellationToken cancel) => commit(
        batch with { Total = _count, Bytes = writer.Bytes, Model = _mixed ? null : _model }, writer, cancel);

    public void Dispose() => writer.Dispose();
}

/// <summary>A file in the making: pieces of one size, so that it can be read in pieces.</summary>
internal sealed class FileDraft(
    StoredFile file,
    IContentWriter writer,
    long bytesLeft,
    Func<StoredFile, IContentWriter, CancellationToken, Task<StoredFile>> commit,
    Func<long?, long> expiry,
    long mostBytes)
    : IFileDraft
{
    private const int PieceBytes = 256 * 1024;

    private readonly byte[] _piece = new byte[PieceBytes];
    private int _filled;
    private int _pieces;
    private long _bytes;

    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (_bytes + bytes.Length > bytesLeft)
        {
            throw BatchRefusals.TooManyBytes(mostBytes, mostBytes - bytesLeft);
        }

        _bytes += bytes.Length;
        while (!bytes.IsEmpty)
        {
            int taken = Math.Min(bytes.Length, PieceBytes - _filled);
            bytes[..taken].CopyTo(_piece.AsSpan(_filled));
            _filled += taken;
            bytes = bytes[taken..];
            if (_filled == PieceBytes)
            {
                WritePiece();
            }
        }
    }

    public Task<StoredFile> CommitAsync(string name, long? keepSeconds, CancellationToken cancel)
    {
        WritePiece();
        return commit(file with { Name = name, Bytes = _bytes, ExpiresUnixMs = expiry(keepSeconds) }, writer, cancel);
    }

    public void Dispose() => writer.Dispose();

    private void WritePiece()
    {
        if (_filled == 0)
        {
            return;
        }

        try
        {
            writer.Append(
                new FrameHead(FrameKind.Content, _pieces++, 0, default, default, default), _piece.AsSpan(0, _filled));
        }
        catch (IOException e)
        {
            throw BatchRefusals.Disk("The file", e);
        }

        _filled = 0;
    }
}
