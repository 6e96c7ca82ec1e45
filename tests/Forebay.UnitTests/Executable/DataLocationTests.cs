using Xunit;

namespace Forebay.UnitTests.Executable;

public sealed class DataLocationTests
{
    [Theory]
    [InlineData("/opt/d", "/env", "/xdg", "/opt/d")]
    [InlineData(null, "/env", "/xdg", "/env")]
    [InlineData(null, null, "/xdg", "/xdg/forebay")]
    [InlineData(null, "", null, "/home/me/.local/share/forebay")]
    public void The_option_goes_before_the_environment(string? option, string? variable, string? xdg, string expected)
    {
        string? Read(string name) => name switch
        {
            "FOREBAY_DATA" => variable,
            "XDG_DATA_HOME" => xdg,
            "HOME" => "/home/me",
            _ => null,
        };

        Assert.Equal(expected, DataLocation.Resolve(option, Read));
    }
}
