using Forebay.Commands.Connection;
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
        new ServerFile(7, new Uri("http://127.0.0.1:1"), new Uri("http://127.0.0.1:2")).Write(_data.Path);
        File.WriteAllText(_data.File("admin.token"), "fbadm-x\n");

        AdminEndpoint found = ServerLocator.Find(_data.Path, null, null);

        Assert.Equal(("http://127.0.0.1:2/", "fbadm-x"), (found.Url.ToString(), found.Token));
    }

    [Fact]
    public void The_data_directorys_token_is_never_sent_to_an_address_typed_in()
    {
        File.WriteAllText(_data.File("admin.token"), "fbadm-x\n");

        Assert.Throws<CommandException>(() => ServerLocator.Find(_data.Path, "http://elsewhere:1", null));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{\"pid\":1}")]
    [InlineData("{\"pid\":1,\"base_url\":\"http://x\",\"admin_url\":null}")]
    public void A_damaged_server_file_is_named(string text)
    {
        File.WriteAllText(_data.File("server.json"), text);

        Assert.Contains(
            "server.json is damaged",
            Assert.Throws<CommandException>(() => ServerLocator.Find(_data.Path, null, null)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://0.0.0.0:81", "http://127.0.0.1:81/")]
    [InlineData("https://[::]:81", "https://127.0.0.1:81/")]
    [InlineData("http://10.0.0.7:81", "http://10.0.0.7:81/")]
    public void An_address_that_means_all_is_reached_by_loopback(string bound, string reached) =>
        Assert.Equal(reached, ServerFile.FromHere(new Uri(bound)).ToString());
}
