using Forebay.Core.Batches;

namespace Forebay.UnitTests.Control.Batches;

/// <summary>Contents on a disk with room for so many frames.</summary>
internal sealed class FullContents
{
    private int _refused;
    private int _room = int.MaxValue;

    public int Room { set => Volatile.Write(ref _room, value); }

    public int Refused => Volatile.Read(ref _refused);

    public IContentStore Over(IContentStore inner) => new Store(this, inner);

    private void Take()
    {
        if (Interlocked.Decrement(ref _room) < 0)
        {
            Interlocked.Increment(ref _room);
            Interlocked.Increment(ref _refused);
            throw new IOException("No space left on device");
        }
    }

    private sealed class Store(FullContents disk, IContentStore inner) : IContentStore
    {
        public IContentWriter Create(ContentName name) => new Writer(disk, inner.Create(name));

        public IContentLog OpenLog(ContentName name, Action<FrameHead> found) =>
            new Log(disk, inner.OpenLog(name, found));

        public IContentReader? Open(ContentName name) => inner.Open(name);

        public void Delete(ContentName name) => inner.Delete(name);

        public int Sweep(Func<ContentKind, string, bool> isKnown) => inner.Sweep(isKnown);
    }

    private sealed class Writer(FullContents disk, IContentWriter inner) : IContentWriter
    {
        public long Bytes => inner.Bytes;

        public void Append(in FrameHead head, ReadOnlySpan<byte> content)
        {
            disk.Take();
            inner.Append(head, content);
        }

        public void Commit() => inner.Commit();

        public void Dispose() => inner.Dispose();
    }

    private sealed class Log(FullContents disk, IContentLog inner) : IContentLog
    {
        public long Bytes => inner.Bytes;

        public void Append(in FrameHead head, ReadOnlySpan<byte> content)
        {
            disk.Take();
            inner.Append(head, content);
        }

        public Task SyncAsync() => inner.SyncAsync();

        public void Dispose() => inner.Dispose();
    }
}
