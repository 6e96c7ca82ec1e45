using System.Buffers;
using Forebay.Gateway.Bodies;

namespace Forebay.Gateway.Translation;

/// <summary>Writes into a pooled buffer under the memory budget. Once that is used up, what follows is lost and
/// <see cref="Overflowed"/> says so: the writers of wire formats need no way out of their own.</summary>
internal sealed class BudgetedWriter(PooledBuffer buffer) : IBufferWriter<byte>
{
    private const int LeastBytes = 256;

    private byte[] _lost = [];

    /// <summary>The budget did not allow it; what was written is not whole.</summary>
    public bool Overflowed { get; private set; }

    public void Advance(int count)
    {
        if (!Overflowed)
        {
            buffer.Advance(count);
        }
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        int size = Math.Max(sizeHint, LeastBytes);
        if (!Overflowed && buffer.TryReserve(size))
        {
            return buffer.Free;
        }

        Overflowed = true;
        if (_lost.Length < size)
        {
            _lost = new byte[size];
        }

        return _lost;
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
}
