using Forebay.Gateway.Bodies;
using Xunit;

namespace Forebay.UnitTests.Gateway.Bodies;

public sealed class MemoryBudgetTests
{
    [Fact]
    public void What_fits_is_taken_and_what_does_not_is_refused_whole()
    {
        var budget = new MemoryBudget();

        Assert.True(budget.TryTake(60, 100));
        Assert.False(budget.TryTake(41, 100));
        Assert.True(budget.TryTake(40, 100));
        Assert.Equal(100, budget.UsedBytes);
        budget.Return(100);
        Assert.Equal(0, budget.UsedBytes);
    }

    [Fact]
    public void Giving_back_more_than_was_taken_is_an_error()
    {
        var budget = new MemoryBudget();
        Assert.True(budget.TryTake(5, 100));

        Assert.Throws<InvalidOperationException>(() => budget.Return(6));
    }

    [Fact]
    public void Racing_takers_never_hold_more_than_the_limit_and_leave_nothing_behind()
    {
        const long limit = 1000;
        var budget = new MemoryBudget();
        long granted = 0;
        long most = 0;
        Parallel.For(0, 8, worker =>
        {
            var random = new Random(worker);
            for (int i = 0; i < 5000; i++)
            {
                int bytes = random.Next(1, 400);
                if (!budget.TryTake(bytes, limit))
                {
                    continue;
                }

                long now = Interlocked.Add(ref granted, bytes);
                long seen = Volatile.Read(ref most);
                while (now > seen)
                {
                    seen = Interlocked.CompareExchange(ref most, now, seen);
                }

                Interlocked.Add(ref granted, -bytes);
                budget.Return(bytes);
            }
        });

        Assert.InRange(most, 1, limit);
        Assert.Equal(0, budget.UsedBytes);
    }
}
