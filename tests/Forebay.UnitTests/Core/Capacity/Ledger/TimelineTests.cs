using Forebay.Core.Capacity.Ledger;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Ledger;

public sealed class TimelineTests
{
    private const int Span = 40;

    [Fact]
    public void Any_history_answers_as_an_array_does_and_leaves_earlier_timelines_alone()
    {
        for (int seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var expected = new long[Span];
            Timeline timeline = Timeline.Zero;
            var changes = new List<(long, long)>();
            for (int i = 0; i < 30; i++)
            {
                Timeline before = timeline;
                var kept = (long[])expected.Clone();
                int from = random.Next(Span);
                int to = random.Next(from, Span + 5);
                long quantity = random.Next(-5, 6);
                bool open = random.Next(5) == 0;
                timeline = timeline.Plus(from, open ? long.MaxValue : to, quantity);
                changes.Add((from, quantity));
                if (!open)
                {
                    changes.Add((to, -quantity));
                }

                for (int t = from; t < (open ? Span : Math.Min(to, Span)); t++)
                {
                    expected[t] += quantity;
                }

                AssertSame(expected, timeline, random);
                Assert.Equal(kept, Enumerable.Range(0, Span).Select(t => before.At(t)));
            }

            AssertSame(expected, Timeline.Of(changes), random);
        }
    }

    [Fact]
    public void A_step_function_is_what_its_steps_say()
    {
        var steps = StepFunction.Of(new CapacityStep(20, 7), new CapacityStep(10, 5), new CapacityStep(30, 7));

        Assert.Equal([new CapacityStep(10, 5), new CapacityStep(20, 7)], steps.Steps);
        Assert.Equal([0L, 5, 5, 7], new long[] { 9, 10, 19, 20 }.Select(steps.At));
        Assert.Equal([0L, 5, 7], [steps.Min(5, 25), steps.Min(12, 25), steps.Min(20, 99)]);
        Assert.Equal([10L, 20, null], [steps.NextChange(9), steps.NextChange(10), steps.NextChange(20)]);
    }

    [Fact]
    public void Unit_hours_are_quantity_times_time()
    {
        const long hour = 3_600_000;
        var steps = StepFunction.Of(new CapacityStep(hour / 2, 8), new CapacityStep(2 * hour, 2));

        Assert.Equal(4m, steps.UnitHours(0, hour));
        Assert.Equal(12m, steps.UnitHours(0, 2 * hour));
        Assert.Equal(13m, steps.UnitHours(0, 2 * hour + hour / 2));
        Assert.Equal(0m, StepFunction.Zero.UnitHours(0, hour));
    }

    private static void AssertSame(long[] expected, Timeline timeline, Random random)
    {
        Assert.Equal(expected, Enumerable.Range(0, Span).Select(t => timeline.At(t)));
        int from = random.Next(Span);
        int to = random.Next(from + 1, Span + 1);
        long bound = random.Next(-10, 11);
        int below = Array.FindIndex(expected, from, to - from, v => v < bound);
        Assert.Equal(expected[from..to].Min(), timeline.Min(from, to));
        Assert.Equal(below < 0 ? null : below, timeline.FirstBelow(from, to, bound));
        int next = Enumerable.Range(from + 1, Span).FirstOrDefault(
            t => t < Span && expected[t] != expected[t - 1], int.MaxValue);
        if (next < int.MaxValue)
        {
            Assert.Equal(next, timeline.NextChange(from));
        }
    }
}
