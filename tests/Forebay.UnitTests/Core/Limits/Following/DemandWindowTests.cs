using Forebay.Core.Limits.Following;
using Xunit;

namespace Forebay.UnitTests.Core.Limits.Following;

public sealed class DemandWindowTests
{
    /// <summary>Monday, 4 May 2026, 00:00 UTC.</summary>
    private static readonly long Monday = new DateTimeOffset(2026, 5, 4, 0, 0, 0, TimeSpan.Zero).ToUnixTimeSeconds() / 60;

    private static void Add(
        DemandWindow window, long minute, double output, double? limit = null, double multiplier = 1) =>
        window.Add("t", "c", minute, output * 4, output, null, limit, multiplier);

    [Fact]
    public void The_quantile_of_an_hour_is_over_its_minutes_of_all_weeks_with_and_without_use()
    {
        var window = new DemandWindow(2);
        window.Advance(Monday, Monday + 2 * 10080);
        for (int i = 0; i < 60; i++)
        {
            Add(window, Monday + 10080 + i, i + 1);
        }

        WeekCurve median = window.Quantile("t", "c", TokenKind.Output, 0.75);
        Assert.Equal((30, 0), (median[0], median[1]));
        Assert.Equal(60, window.Quantile("t", "c", TokenKind.Output, 1)[0]);
        Assert.Equal(240, window.Quantile("t", "c", TokenKind.Input, 1)[0]);
    }

    [Fact]
    public void Hours_that_are_not_on_record_yet_count_as_the_busiest()
    {
        var window = new DemandWindow(1);
        window.Advance(Monday, Monday + 120);
        Add(window, Monday, 9);
        WeekCurve most = window.Quantile("t", "c", TokenKind.Output, 1);
        Assert.Equal((9, 0, 9, 9, 2.0), (most[0], most[1], most[2], most[167], window.Hours));
    }

    /// <summary>A tenant held down at twice its promise would have used half of that at its promise.</summary>
    [Fact]
    public void Use_at_a_limit_is_brought_back_to_what_is_promised()
    {
        var window = new DemandWindow(1);
        window.Advance(Monday, Monday + 10080);
        Add(window, Monday, 190, limit: 200, multiplier: 2);
        Add(window, Monday, 50, limit: 200, multiplier: 2);
        Assert.Equal(145, window.Quantile("t", "c", TokenKind.Output, 1)[0]);
        Assert.Equal(95.0 / 145, window.LimitedShare("t", "c"), 6);
    }

    [Fact]
    public void Minutes_read_again_count_once_and_old_ones_go()
    {
        var window = new DemandWindow(1);
        window.Advance(Monday, Monday + 60);
        Add(window, Monday + 10, 5);
        window.Forget(Monday + 10);
        Add(window, Monday + 10, 7);
        Assert.Equal(7, window.Quantile("t", "c", TokenKind.Output, 1)[0]);
        window.Advance(Monday, Monday + 11 + 10080);
        Assert.Empty(window.Seen);
        Assert.Equal(168, window.Hours);
    }
}
