using Forebay.Core.Serving;
using Forebay.Core.Usage;
using Xunit;

namespace Forebay.UnitTests.Core.Usage;

public sealed class PriceScheduleTests
{
    private static long Day(int year, int month, int day) =>
        new DateTimeOffset(year, month, day, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();

    [Fact]
    public void The_price_in_force_is_the_last_one_that_began()
    {
        var prices = PriceSchedule.Compile(
        [
            new PriceConfig { From = new DateOnly(2026, 6, 1), Input = 2, Output = 10 },
            new PriceConfig { Input = 3, Output = 15 },
        ]);

        Assert.Equal(3_000_000, prices.At(Day(2026, 5, 31)).Input);
        Assert.Equal(2_000_000, prices.At(Day(2026, 6, 1)).Input);
    }

    [Fact]
    public void Cache_prices_left_out_follow_the_input_price()
    {
        TokenPrices p = PriceSchedule.Compile([new PriceConfig { Input = 3, Output = 15 }]).At(0);

        Assert.Equal((300_000, 3_750_000), (p.CacheRead, p.CacheWrite));
    }

    [Fact]
    public void A_request_is_rounded_once_half_up()
    {
        var prices = new TokenPrices(500_000, 0, 0, 0);

        Assert.Equal(1, prices.Of(new TokenUsage(1, 0, 0, 0)));
        Assert.Equal(1, prices.Of(new TokenUsage(2, 0, 0, 0)));
        Assert.Equal(2, prices.Of(new TokenUsage(3, 0, 0, 0)));
    }

    [Fact]
    public void Absurd_token_counts_do_not_overflow()
    {
        var prices = new TokenPrices(long.MaxValue / 4, 0, 0, 0);

        Assert.True(prices.Of(new TokenUsage(1_000_000, 0, 0, 0)) > 0);
    }
}
