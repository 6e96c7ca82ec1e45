using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Quotas;
using Forebay.Core.Time;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Quotas;

public sealed class QuotaMeterTests
{
    private const long Second = Instant.NsPerSecond;

    [Fact]
    public void Nothing_is_taken_where_one_limit_has_no_room()
    {
        var meter = new QuotaMeter(
            new PoolQuotaConfig { RequestsPerMinute = 10, InputTokensPerMinute = 6_000, OutputTokensPerMinute = 600 }, 0);

        Assert.True(meter.TryTake(new QuotaUse(5_000, 100), 0, out _));
        Assert.False(meter.TryTake(new QuotaUse(2_000, 100), 0, out long waitNs));

        Assert.Equal(10 * Second, waitNs);
        Assert.Equal((10, 9), meter.Read(QuotaLane.Requests, 0));
        Assert.Equal((6_000, 1_000), meter.Read(QuotaLane.InputTokens, 0));
        Assert.Equal((600, 500), meter.Read(QuotaLane.OutputTokens, 0));
        Assert.Null(meter.Read(QuotaLane.AllTokens, 0));
        Assert.True(meter.TryTake(new QuotaUse(2_000, 100), waitNs, out _));
    }

    [Fact]
    public void What_was_not_used_is_given_back_and_what_was_used_beyond_is_owed()
    {
        var meter = new QuotaMeter(new PoolQuotaConfig { TokensPerMinute = 60_000, OutputBurndown = 5 }, 0);
        var reserved = new QuotaUse(10_000, 8_000);

        Assert.True(meter.TryTake(reserved, 0, out _));
        Assert.Equal(10_000, meter.Read(QuotaLane.AllTokens, 0)!.Value.Left);
        meter.Settle(reserved, new QuotaUse(10_000, 100), 0);
        Assert.Equal(49_500, meter.Read(QuotaLane.AllTokens, 0)!.Value.Left);

        meter.Settle(default, new QuotaUse(50_500, 0), 0);
        Assert.Equal(-1_000, meter.Read(QuotaLane.AllTokens, 0)!.Value.Left);
        Assert.False(meter.TryTake(new QuotaUse(1, 0), 0, out long waitNs));
        Assert.InRange(waitNs, Second, Second + Second / 100);
    }

    [Fact]
    public void A_request_larger_than_the_bucket_goes_once_that_is_full_and_is_paid_for_after()
    {
        var meter = new QuotaMeter(new PoolQuotaConfig { InputTokensPerMinute = 1_000 }, 0);

        Assert.True(meter.TryTake(new QuotaUse(3_000, 0), 0, out _));
        Assert.False(meter.TryTake(new QuotaUse(3_000, 0), 0, out long waitNs));

        Assert.Equal(180 * Second, waitNs);
    }

    [Fact]
    public void What_the_provider_says_lowers_what_is_left_and_never_raises_it()
    {
        var meter = new QuotaMeter(new PoolQuotaConfig { RequestsPerMinute = 100 }, 0);

        meter.Learn(QuotaLane.Requests, 50, 40, 0);
        Assert.Equal((50, 40), meter.Read(QuotaLane.Requests, 0));
        meter.Learn(QuotaLane.Requests, 50, 45, 0);
        Assert.Equal((50, 40), meter.Read(QuotaLane.Requests, 0));

        // A raised limit brings what it is raised by; an unknown one becomes a limit; nonsense does nothing.
        meter.Learn(QuotaLane.Requests, 60, null, 0);
        Assert.Equal((60, 50), meter.Read(QuotaLane.Requests, 0));
        meter.Learn(QuotaLane.InputTokens, 9, 4, 0);
        Assert.Equal((9, 4), meter.Read(QuotaLane.InputTokens, 0));
        meter.Learn(QuotaLane.OutputTokens, 0, -1, 0);
        meter.Learn(QuotaLane.OutputTokens, null, 7, 0);
        Assert.Null(meter.Read(QuotaLane.OutputTokens, 0));
    }

    /// <summary>However requests interleave, no minute sees more than two minutes' worth of what was expected of
    /// those let through, the burst of a full bucket included; and the level is what a plain account of it says.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Random_requests_stay_within_the_quota(int seed)
    {
        var random = new Random(seed);
        const int perMinute = 120;
        var meter = new QuotaMeter(new PoolQuotaConfig { RequestsPerMinute = perMinute }, 0);
        long now = 0;
        double level = perMinute;
        var sent = new Queue<long>();
        for (int i = 0; i < 20_000; i++)
        {
            long passed = random.NextInt64(Second / 2);
            now += passed;
            level = Math.Min(perMinute, level + perMinute * (passed / (60.0 * Second)));
            bool taken = meter.TryTake(default, now, out long waitNs);
            Assert.Equal(level >= 1 - 1e-6, taken);
            Assert.Equal(taken, waitNs == 0);
            if (taken)
            {
                level--;
                sent.Enqueue(now);
                while (sent.Peek() <= now - 60 * Second)
                {
                    sent.Dequeue();
                }

                Assert.True(sent.Count <= 2 * perMinute);
            }
            else
            {
                Assert.True(meter.TryTake(default, now + waitNs, out _));
                meter.Return(default, now + waitNs);
                now += waitNs;
                level = Math.Min(perMinute, level + perMinute * (waitNs / (60.0 * Second)));
            }

            Assert.Equal(level, meter.Read(QuotaLane.Requests, now)!.Value.Left, 4);
        }
    }

    [Fact]
    public void Racing_threads_take_no_more_than_there_is()
    {
        var meter = new QuotaMeter(new PoolQuotaConfig { RequestsPerMinute = 1_000 }, 0);
        int taken = 0;

        Parallel.For(0, 8, _ =>
        {
            for (int i = 0; i < 1_000; i++)
            {
                if (meter.TryTake(new QuotaUse(i, i), 0, out long _))
                {
                    Interlocked.Increment(ref taken);
                }
            }
        });

        Assert.Equal(1_000, taken);
    }
}
