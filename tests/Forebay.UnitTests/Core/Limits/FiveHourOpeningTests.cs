using Forebay.Core.Limits;
using Xunit;

namespace Forebay.UnitTests.Core.Limits;

public sealed class FiveHourOpeningTests
{
    [Fact]
    public void A_window_opens_with_the_first_request_after_the_last_one_ended()
    {
        FiveHourOpening? at = null;
        var opened = new List<long>();
        foreach (long minute in (long[])[1_000, 1_001, 1_299, 1_300, 1_599, 1_600, 5_000])
        {
            at = FiveHourOpening.Next(at, minute);
            opened.Add(at.Value.Minute);
        }

        Assert.Equal([1_000, 1_000, 1_000, 1_300, 1_300, 1_600, 5_000], opened);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void The_order_in_which_racing_requests_are_recorded_does_not_matter(int seed)
    {
        var random = new Random(seed);
        for (int round = 0; round < 200; round++)
        {
            // Requests over days, those within two minutes of each other in any order.
            long minute = 10_000;
            var minutes = new List<long>();
            for (int i = 0; i < 60; i++)
            {
                minute += random.Next(4) == 0 ? random.Next(400) : random.Next(3);
                minutes.Add(minute);
            }

            long[] shuffled = [.. minutes];
            for (int i = 1; i < shuffled.Length; i++)
            {
                if (shuffled[i] - shuffled[i - 1] is > 0 and <= 2 && random.Next(2) == 0)
                {
                    (shuffled[i], shuffled[i - 1]) = (shuffled[i - 1], shuffled[i]);
                }
            }

            Assert.Equal(Last(minutes), Last(shuffled));
        }
    }

    private static long Last(IEnumerable<long> minutes) =>
        minutes.Aggregate((FiveHourOpening?)null, (at, minute) => FiveHourOpening.Next(at, minute))!.Value.Minute;
}
