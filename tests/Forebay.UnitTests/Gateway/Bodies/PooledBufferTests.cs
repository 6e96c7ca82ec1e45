using Forebay.Gateway.Bodies;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Gateway.Bodies;

public sealed class PooledBufferTests
{
    private const long Limit = 4096;

    /// <summary>Each number is one step: append so many bytes, or take some away at the front.</summary>
    [Fact]
    public void It_holds_what_was_written_stays_in_budget_and_gives_all_back() => Prop.ForAll<short[]>(steps =>
    {
        var budget = new MemoryBudget();
        var model = new List<byte>();
        bool right = true;
        using (var buffer = new PooledBuffer(budget, Limit))
        {
            foreach (short step in steps)
            {
                Step(buffer, model, step);
                right &= buffer.Written.SequenceEqual(model.ToArray())
                    && buffer.WrittenMemory.Length == model.Count
                    && budget.UsedBytes <= Limit
                    && budget.UsedBytes >= buffer.Length;
            }
        }

        return right && budget.UsedBytes == 0;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void What_does_not_fit_is_refused_and_what_is_there_stays()
    {
        var budget = new MemoryBudget();
        using var buffer = new PooledBuffer(budget, Limit);
        Assert.True(buffer.TryReserve(1000));
        "kept"u8.CopyTo(buffer.Free.Span);
        buffer.Advance(4);

        Assert.False(buffer.TryReserve(100_000));
        Assert.False(buffer.TryReserve(int.MaxValue));

        Assert.True(buffer.Written.SequenceEqual("kept"u8));
        Assert.InRange(budget.UsedBytes, 1000, Limit);
    }

    [Fact]
    public void It_is_given_back_once_and_takes_nothing_afterwards()
    {
        var budget = new MemoryBudget();
        var buffer = new PooledBuffer(budget, Limit);
        Assert.True(buffer.TryReserve(10));

        buffer.Dispose();
        buffer.Dispose();

        Assert.Equal(0, budget.UsedBytes);
        Assert.Throws<ObjectDisposedException>(() => buffer.TryReserve(1));
    }

    private static void Step(PooledBuffer buffer, List<byte> model, short step)
    {
        int size = Math.Abs((int)step) % 600;
        if (step % 7 == 0)
        {
            buffer.Clear();
            model.Clear();
        }
        else if (step < 0)
        {
            int taken = Math.Min(size, model.Count);
            buffer.Consume(taken);
            model.RemoveRange(0, taken);
        }
        else if (buffer.TryReserve(size))
        {
            buffer.Free.Span[..size].Fill((byte)step);
            buffer.Advance(size);
            model.AddRange(Enumerable.Repeat((byte)step, size));
        }
    }
}
