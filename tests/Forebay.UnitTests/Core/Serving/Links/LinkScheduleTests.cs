using Forebay.Core.Serving.Links;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Links;

public sealed class LinkScheduleTests
{
    private const long StartMs = 1_767_225_600_000;

    private static readonly LinkConfig Pass = new()
    {
        Starts = "2026-01-01T00:00:00Z",
        RepeatSeconds = 100,
        Steps =
        [
            new LinkStepConfig { AtSeconds = 0, LatencyMs = 40, BandwidthMbps = 80, Loss = 0.2 },
            new LinkStepConfig { AtSeconds = 60, Available = false },
            new LinkStepConfig { AtSeconds = 70, LatencyMs = 90 },
        ],
    };

    [Fact]
    public void A_constant_link_is_the_same_for_ever()
    {
        LinkState link = LinkSchedule.Compile(new LinkConfig { LatencyMs = 5, BandwidthMbps = 8 }).At(0);

        Assert.Equal((5e6, 1000.0, true), (link.LatencyNs, link.NsPerByte, link.Available));
        Assert.Equal((long.MaxValue, long.MaxValue), (link.NextOutageUnixMs, link.UntilUnixMs));
        Assert.Equal(5e6 + 2e6, link.NsFor(2000));
        Assert.Equal(LinkState.Ideal, LinkSchedule.Ideal.At(StartMs));
    }

    [Theory]
    [InlineData(0, true, 50e6, 60, 60)]
    [InlineData(59_999, true, 50e6, 60, 60)]
    [InlineData(60_000, false, 0, 60, 70)]
    [InlineData(69_999, false, 0, 69.999, 70)]
    [InlineData(70_000, true, 90e6, 160, 100)]
    [InlineData(100_000, true, 50e6, 160, 160)]
    [InlineData(1_000_065_000, false, 0, 1_000_065, 1_000_070)]
    [InlineData(-35_000, false, 0, -35, -30)]
    [InlineData(-1, true, 90e6, 60, 0)]
    public void Steps_repeat_and_foretell_the_next_outage(
        long afterStartMs, bool available, double latencyNs, double outageAt, double until)
    {
        LinkState link = LinkSchedule.Compile(Pass).At(StartMs + afterStartMs);

        Assert.Equal((available, latencyNs), (link.Available, link.LatencyNs));
        Assert.Equal(StartMs + (long)(outageAt * 1000), link.NextOutageUnixMs);
        Assert.Equal(StartMs + (long)(until * 1000), link.UntilUnixMs);
    }

    [Fact]
    public void One_that_does_not_repeat_ends_with_its_last_step()
    {
        var schedule = LinkSchedule.Compile(Pass with { RepeatSeconds = null });

        Assert.Equal(50e6, schedule.At(StartMs - 1_000_000).LatencyNs);
        Assert.Equal((90e6, long.MaxValue, long.MaxValue), Last(schedule.At(StartMs + 1_000_000_000)));

        static (double LatencyNs, long NextOutage, long Until) Last(LinkState link) =>
            (link.LatencyNs, link.NextOutageUnixMs, link.UntilUnixMs);
    }

    [Fact]
    public void What_is_read_through_a_site_is_what_the_schedule_says_at_any_time_in_any_order()
    {
        var schedule = LinkSchedule.Compile(Pass);
        var site = new SiteState("sky");
        var random = new Random(5);
        for (int i = 0; i < 2000; i++)
        {
            // The clock may go back.
            long at = StartMs + random.Next(-200_000, 200_000);
            LinkState cached = site.LinkAt(schedule, at);
            LinkState fresh = schedule.At(at);
            Assert.Equal((fresh.LatencyNs, fresh.Available), (cached.LatencyNs, cached.Available));
            Assert.Equal(fresh.UntilUnixMs, cached.UntilUnixMs);
        }
    }
}
