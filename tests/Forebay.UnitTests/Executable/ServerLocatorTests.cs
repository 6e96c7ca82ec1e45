using Forebay.Commands.Connection;
using Forebay.Storage.Data;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Executable;

public sealed class ServerLocatorTests : IDisposable
{
    private readonly TemporaryFolder _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public void Without_a_server_the_message_says_how_to_get_one()
    {
        CommandException e = Assert.Throws<CommandException>(() => ServerLocator.Find(_data.Path, null, null));

        Assert.Contains("forebay up", e.Message, StringComparison.Ordinal);
        Assert.Contains(_data.Path, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_running_server_is_found_through_its_files()
    {
        using DataDirectory directory = DataDirectory.Open(_data.Path);
        directory.WriteServerInfo(new ServerInfo(7, new Uri("http://127.0.0.1:1"), new Uri("http://127.0.0.1:2")));
        File.WriteAllText(_data.File("admin.token"), "fbadm-x\n");

        AdminEndpoint found = ServerLocator.Find(_data.Path, null, null);

        Assert.Equal(("http://127.0.0.1:2/", "fbadm-x"), (found.Url.ToString(), found.Token));
    }

    [Fact]
    public void What_makes_no_sense_is_told_to_the_user()
    {
        using DataDirectory directory = DataDirectory.Open(_data.Path);
        File.WriteAllText(directory.Paths.ServerFile, "{}");

        CommandException e = Assert.Throws<CommandException>(() => ServerLocator.Find(_data.Path, null, null));

        Assert.Contains("server.json is damaged", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_data_directorys_token_is_never_sent_to_an_address_typed_in()
    {
        File.WriteAllText(_data.File("admin.token"), "fbadm-x\n");

        Assert.Throws<CommandException>(() => ServerLocator.Find(_data.Path, "http://elsewhere:1", null));
    }
}
