using Forebay.Core.Serving.Links;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Links;

public sealed class SiteStateTests
{
    private static readonly RegionConfig London = new() { Id = "london", Latitude = 51.5, Longitude = -0.1 };
    private static readonly RegionConfig NewYork = new() { Id = "new-york", Latitude = 40.7, Longitude = -74 };
    private static readonly SitePlace Frankfurt = new(50.1, 8.7);

    private readonly SiteState _site = new("frankfurt");

    public SiteStateTests() => _site.Follow(Frankfurt, [London, NewYork]);

    [Fact]
    public void Until_it_is_measured_a_path_is_estimated_by_distance()
    {
        // 638 km and 6,200 km along the great circle, at 200 km a millisecond there and back and half as long again.
        Assert.InRange(_site.PathNs(0), 9.2e6, 9.9e6);
        Assert.InRange(_site.PathNs(1), 91e6, 95e6);
        Assert.Equal(0, _site.PathNs(-1));
        Assert.Equal(0, _site.PathNs(2));
        var nowhere = new SiteState("somewhere");
        nowhere.Follow(new SitePlace(null, null), [London]);
        Assert.Equal(0, nowhere.PathNs(0));
    }

    [Fact]
    public void The_first_measurement_replaces_the_estimate_and_later_ones_move_it()
    {
        _site.Measured(1, 80e6);
        Assert.Equal((80e6, 1), (_site.PathNs(1), _site.SamplesOf(1)));
        for (int i = 0; i < 200; i++)
        {
            _site.Measured(1, 120e6);
        }

        Assert.InRange(_site.PathNs(1), 119e6, 120e6);
        Assert.Equal(0, _site.SamplesOf(0));
    }

    [Fact]
    public void The_sites_own_link_is_taken_off_what_is_measured()
    {
        var slow = LinkSchedule.Compile(new LinkConfig { LatencyMs = 40 });
        _ = _site.LinkAt(slow, 0);

        _site.Measured(0, 65e6);

        Assert.Equal(25e6, _site.PathNs(0));
    }

    [Fact]
    public void What_was_measured_stays_with_the_regions_name_through_a_reload()
    {
        _site.Measured(1, 80e6);

        _site.Follow(Frankfurt, [NewYork, London]);

        Assert.Equal((80e6, 1), (_site.PathNs(0), _site.SamplesOf(0)));
        Assert.InRange(_site.PathNs(1), 9.2e6, 9.9e6);
    }

    [Theory]
    [InlineData(0, double.NaN)]
    [InlineData(0, double.PositiveInfinity)]
    [InlineData(0, -1)]
    [InlineData(7, 1e6)]
    [InlineData(-1, 1e6)]
    public void Nonsense_is_not_learned(int region, double ns)
    {
        double before = _site.PathNs(0);

        _site.Measured(region, ns);

        Assert.Equal(before, _site.PathNs(0));
    }
}
