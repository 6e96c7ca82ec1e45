using System.Net;
using Forebay.Gateway.Connections;
using Xunit;

namespace Forebay.UnitTests.Gateway.Connections;

public sealed class ConnectionGateTests
{
    [Theory]
    [InlineData("192.0.2.7", "192.0.2.7", true)]
    [InlineData("192.0.2.7", "192.0.2.8", false)]
    [InlineData("::ffff:192.0.2.7", "192.0.2.7", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:3::1", false)]
    [InlineData("fe80::1%3", "fe80::2%3", true)]
    public void Addresses_of_one_customer_count_as_one(string one, string other, bool same) => Assert.Equal(
        same,
        ConnectionGate.NetworkOf(IPAddress.Parse(one)).Equals(ConnectionGate.NetworkOf(IPAddress.Parse(other))));
}
