using System.Buffers;

namespace Forebay.Gateway.Bodies;

/// <summary>
/// A growing byte buffer on pooled memory, charged to the global budget. Growing beyond the maximum or the budget is
/// refused, never an exception: the caller answers with the reason.
/// </summary>
public sealed class PooledBuffer(MemoryBudget budget, long budgetLimitBytes) : IDisposable
{
    private byte[] _array = [];
    private bool _disposed;

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _array.AsSpan(0, Length);

    public ReadOnlyMemory<byte> WrittenMemory => _array.AsMemory(0, Length);

    /// <summary>Free memory after what is written; make room with <see cref="TryReserve"/> first.</summary>
    public Memory<byte> Free => _array.AsMemory(Length);

    /// <summary>Makes room for more bytes. False when the budget does not allow it.</summary>
    public bool TryReserve(int bytes)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        long needed = (long)Length + bytes;
        if (needed <= _array.Length)
        {
            return true;
        }

        if (needed > Array.MaxLength)
        {
            return false;
        }

        int size = (int)Math.Max(needed, Math.Min(Array.MaxLength, (long)_array.Length * 2));
        if (!budget.TryTake(size - _array.Length, budgetLimitBytes))
        {
            return false;
        }

        // The pool rounds up; what it gives is what is held, and a little beyond the limit does no harm.
        byte[] bigger = ArrayPool<byte>.Shared.Rent(size);
        _ = budget.TryTake(bigger.Length - size, long.MaxValue);

        byte[] old = _array;
        Written.CopyTo(bigger);
        _array = bigger;
        if (old.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(old);
        }

        return true;
    }

    public void Advance(int bytes) => Length += bytes;

    /// <summary>Drops bytes at the front, moving the rest down.</summary>
    public void Consume(int bytes)
    {
        Length -= bytes;
        if (Length > 0)
        {
            _array.AsSpan(bytes, Length).CopyTo(_array);
        }
    }

    public void Clear() => Length = 0;

    /// <summary>Drops everything and gives memory back where it is more than <paramref name="keepBytes"/>: for buffers
    /// that are empty most of their time, as those of a stream between its events.</summary>
    public void Trim(int keepBytes)
    {
        Length = 0;
        if (_array.Length > keepBytes)
        {
            Release();
        }
    }

    public void Dispose()
    {
        _disposed = true;
        Release();
    }

    private void Release()
    {
        byte[] array = _array;
        _array = [];
        Length = 0;
        if (array.Length > 0)
        {
            budget.Return(array.Length);
            ArrayPool<byte>.Shared.Return(array);
        }
    }
}
