using Forebay.Core.Serving.Routing;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Routing;

public sealed class TieBreakerTests
{
    [Theory]
    [InlineData(0, 7)]
    [InlineData(1, 100)]
    [InlineData(2, 101)]
    [InlineData(3, 101)]
    [InlineData(4, 103)]
    [InlineData(7, 103)]
    [InlineData(8, 107)]
    public void The_longest_power_of_two_of_blocks_decides_and_the_request_where_there_is_none(int blocks, uint expected)
    {
        ulong[] hashes = [.. Enumerable.Range(0, blocks).Select(i => 100UL + (ulong)i)];
        Assert.Equal(expected, Router.TieBreaker(hashes, requestNumber: 7));
    }
}
