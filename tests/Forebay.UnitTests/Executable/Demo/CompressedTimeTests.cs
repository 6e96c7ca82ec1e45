using Forebay.Demo;
using Forebay.TestKit.Time;
using Xunit;

namespace Forebay.UnitTests.Executable.Demo;

public sealed class CompressedTimeTests
{
    private readonly ManualTime _real = new();

    [Fact]
    public void It_runs_so_many_times_as_fast_from_where_it_starts()
    {
        var start = new DateTimeOffset(2026, 4, 6, 12, 0, 0, TimeSpan.Zero);
        var time = new CompressedTime(86_400, _real, start);
        long stamp = time.GetTimestamp();

        _real.Advance(TimeSpan.FromSeconds(3));

        Assert.Equal(start.AddDays(3), time.GetUtcNow());
        Assert.Equal(TimeSpan.FromDays(3), time.GetElapsedTime(stamp));
    }

    [Fact]
    public void Without_a_start_it_begins_where_the_real_one_is() =>
        Assert.Equal(_real.GetUtcNow(), new CompressedTime(10, _real).GetUtcNow());

    [Fact]
    public void Its_timers_come_as_much_sooner()
    {
        var time = new CompressedTime(60, _real);
        int fired = 0;
        using ITimer timer = time.CreateTimer(
            _ => fired++, null, TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(1));

        _real.Advance(TimeSpan.FromSeconds(1.9));
        Assert.Equal(0, fired);
        _real.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Equal(1, fired);
        _real.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(2, fired);

        Assert.True(timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan));
        _real.Advance(TimeSpan.FromHours(1));
        Assert.Equal(2, fired);
    }

    [Fact]
    public void A_timer_is_never_shorter_than_the_system_can_tell()
    {
        var time = new CompressedTime(1_000_000, _real);
        int fired = 0;
        using ITimer timer = time.CreateTimer(_ => fired++, null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));

        _real.Advance(TimeSpan.FromMilliseconds(5));

        Assert.Equal(5, fired);
    }
}
