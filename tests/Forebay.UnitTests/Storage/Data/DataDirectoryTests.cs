using Forebay.Storage;
using Forebay.Storage.Data;
using Xunit;

namespace Forebay.UnitTests.Storage.Data;

public sealed class DataDirectoryTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Path => _folder.Of("data");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void It_is_created_for_its_owner_alone()
    {
        using DataDirectory directory = DataDirectory.Open(Path);

        Assert.Equal(Modes.OwnerFolder, Modes.Of(Path));
        Assert.Equal(Modes.OwnerFolder, Modes.Of(directory.Paths.Journal));
        Assert.Empty(directory.Notices);
    }

    [Fact]
    public void One_that_is_open_to_others_is_closed_to_them_and_that_is_said()
    {
        Modes.CreateFolder(Path, Modes.OwnerFolder | UnixFileMode.OtherRead | UnixFileMode.GroupExecute);

        using DataDirectory directory = DataDirectory.Open(Path);

        Assert.Equal(Modes.OwnerFolder, Modes.Of(Path));
        Assert.Contains("0700", Assert.Single(directory.Notices), StringComparison.Ordinal);
    }

    [Fact]
    public void A_command_that_looks_for_a_server_is_not_taken_for_one()
    {
        DataPaths paths;
        using (DataDirectory directory = DataDirectory.Open(Path))
        {
            paths = directory.Paths;
            Assert.True(DirectoryLock.IsHeld(paths));
        }

        using FileStream probe = new(paths.LockFile, FileMode.Open, FileAccess.Read, FileShare.Read);
        Assert.False(DirectoryLock.IsHeld(paths));
    }

    [Fact]
    public void A_second_process_is_told_who_has_it()
    {
        using DataDirectory first = DataDirectory.Open(Path);

        StorageException e = Assert.Throws<StorageException>(() => DataDirectory.Open(Path));

        Assert.Contains($"process {Environment.ProcessId}", e.Message, StringComparison.Ordinal);
        Assert.Contains("--data", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void It_is_free_once_closed_whatever_pid_the_file_holds()
    {
        DataDirectory.Open(Path).Dispose();

        using DataDirectory second = DataDirectory.Open(Path);
        Assert.Equal(Environment.ProcessId.ToString(), ReadUnlocked(second.Paths.LockFile));
    }

    [Fact]
    public void A_missing_parent_is_not_created()
    {
        StorageException e = Assert.Throws<StorageException>(() => DataDirectory.Open(_folder.Of("no/data")));

        Assert.Contains("mkdir -p", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_is_not_a_directory()
    {
        File.WriteAllText(Path, "");

        Assert.Contains("is a file", Assert.Throws<StorageException>(() => DataDirectory.Open(Path)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("999\n", "newer program")]
    [InlineData("soon\n", "not a version")]
    public void A_layout_that_is_not_known_is_refused(string version, string expected)
    {
        DataDirectory.Open(Path).Dispose();
        File.WriteAllText(System.IO.Path.Combine(Path, "version"), version);

        StorageException e = Assert.Throws<StorageException>(() => DataDirectory.Open(Path));

        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Commands_find_the_server_while_it_runs_and_only_then()
    {
        var info = new ServerInfo(7, new Uri("http://127.0.0.1:1"), new Uri("http://127.0.0.1:2"), "/tls.crt");
        using (DataDirectory directory = DataDirectory.Open(Path))
        {
            Assert.Null(ServerInfo.Read(directory.Paths));
            directory.WriteServerInfo(info);
            Assert.Equal(info, ServerInfo.Read(directory.Paths));
            Assert.Equal(Modes.OwnerFile,
                Modes.Of(directory.Paths.ServerFile));
        }

        Assert.Null(ServerInfo.Read(DataPaths.At(Path)));
    }

    [Fact]
    public void What_a_killed_server_wrote_is_not_believed()
    {
        var paths = DataPaths.At(Path);
        using (DataDirectory directory = DataDirectory.Open(Path))
        {
            directory.WriteServerInfo(new ServerInfo(7, new Uri("http://a"), new Uri("http://b")));
            File.Copy(paths.ServerFile, _folder.Of("copy"));
        }

        File.Copy(_folder.Of("copy"), paths.ServerFile);

        Assert.Null(ServerInfo.Read(paths));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{\"pid\":1}")]
    [InlineData("{\"pid\":1,\"base_url\":\"http://x\",\"admin_url\":null}")]
    public void A_damaged_server_file_is_named(string text)
    {
        using DataDirectory directory = DataDirectory.Open(Path);
        File.WriteAllText(directory.Paths.ServerFile, text);

        StorageException e = Assert.Throws<StorageException>(() => ServerInfo.Read(directory.Paths));

        Assert.Contains("server.json is damaged", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://0.0.0.0:81", "http://127.0.0.1:81/")]
    [InlineData("https://[::]:81", "https://127.0.0.1:81/")]
    [InlineData("http://10.0.0.7:81", "http://10.0.0.7:81/")]
    public void An_address_that_means_all_is_reached_by_loopback(string bound, string reached) =>
        Assert.Equal(reached, ServerInfo.FromHere(new Uri(bound)).ToString());

    private static string ReadUnlocked(string path)
    {
        using var handle = Posix.OpenUnlocked(path);
        Span<byte> text = stackalloc byte[32];
        return System.Text.Encoding.ASCII.GetString(text[..RandomAccess.Read(handle, text, 0)]);
    }
}
