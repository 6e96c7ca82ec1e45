using Forebay.Gateway.Pipeline;
using Xunit;

namespace Forebay.UnitTests.Gateway.Pipeline;

public sealed class RequestIdTests
{
    private static readonly DateTimeOffset Noon = new(2026, 6, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Ids_are_written_as_thirty_two_hex_digits()
    {
        Assert.Equal("req_0000000000000000000000000000002a", RequestId.Format(42));
        Assert.Matches("^req_[0-9a-f]{32}$", RequestId.Format(RequestId.New(Noon.ToUnixTimeMilliseconds())));
    }

    [Fact]
    public void Ids_of_one_moment_differ_and_later_ones_come_after_as_numbers_and_as_text()
    {
        UInt128[] now = [.. Enumerable.Range(0, 1000).Select(_ => RequestId.New(Noon.ToUnixTimeMilliseconds()))];
        UInt128[] later = [.. Enumerable.Range(0, 1000).Select(_ => RequestId.New(Noon.ToUnixTimeMilliseconds() + 1))];

        Assert.Equal(1000, now.Distinct().Count());
        Assert.True(now.Max() < later.Min());
        Assert.True(string.CompareOrdinal(RequestId.Format(now.Max()), RequestId.Format(later.Min())) < 0);
    }
}
