using Forebay.Core.Limits;
using Forebay.Core.Time;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Limits;

public sealed class TokenBucketTests
{
    private static Instant At(double seconds) => new((long)(seconds * Instant.NsPerSecond), 0);

    [Fact]
    public void A_full_bucket_holds_one_minute_of_its_rate_and_no_more()
    {
        var bucket = new TokenBucket();

        Assert.True(bucket.TryTake(60, 60, At(1000), out _));
        Assert.False(bucket.TryTake(1, 60, At(1000), out long waitNs));
        Assert.Equal(Instant.NsPerSecond, waitNs);
        Assert.True(bucket.TryTake(1, 60, At(1001), out _));
    }

    [Fact]
    public void What_is_settled_long_after_still_counts_from_now()
    {
        var bucket = new TokenBucket();
        Assert.True(bucket.TryTake(10, 60, At(0), out _));

        bucket.Return(-60, 60, At(500));

        Assert.False(bucket.TryTake(1, 60, At(500), out _));
        Assert.Equal(0, bucket.Remaining(60, At(500)));
    }

    [Fact]
    public void Over_any_interleaving_no_more_is_granted_than_capacity_plus_refill()
    {
        Prop.ForAll<(byte Amount, byte GapMs)[]>(steps =>
        {
            var bucket = new TokenBucket();
            const long perMinute = 600;
            double nowMs = 0;
            long granted = 0;
            foreach ((byte amount, byte gapMs) in steps)
            {
                nowMs += gapMs;
                if (bucket.TryTake(amount, perMinute, At(nowMs / 1000), out _))
                {
                    granted += amount;
                }
            }

            return granted <= perMinute + perMinute * nowMs / 60_000 + 1e-6;
        }).QuickCheckThrowOnFailure();
    }
}
