using System.Net;
using System.Net.Sockets;
using Forebay.Control.Admin.Contract;
using Forebay.TestKit;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary>What keeps a server from starting is told in words that say what to do; the exit code is 1, and nothing is
/// left running or half made.</summary>
[Collection(nameof(UpFixture))]
public sealed class StartTests(UpFixture fixture) : IDisposable
{
    private static readonly Uri Nowhere = new("http://127.0.0.1:9");
    private readonly TemporaryFolder _folder = new();

    private string Data => _folder.File("data");

    private string File => _folder.File("forebay.yaml");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_second_server_on_the_same_data_directory_is_told_who_has_it()
    {
        string error = await RefusedAsync("up", "--port", "0", "--admin-port", "0", "--data", fixture.Data);

        Assert.Contains($"in use by process {fixture.Server.Id}", error, StringComparison.Ordinal);
        Assert.Contains("--data", error, StringComparison.Ordinal);
        Assert.True((await Cli.StatusAsync(fixture.Data)).Ready);
    }

    [Theory]
    [InlineData("--port", "Clients cannot be served on")]
    [InlineData("--admin-port", "The admin API cannot listen on")]
    public async Task A_port_that_is_taken_is_named(string option, string expected)
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        string[] ports = option == "--port" ? ["--admin-port", "0"] : ["--port", "0"];

        string error = await RefusedAsync(["up", option, $"{port}", .. ports, "--data", Data]);

        Assert.Contains($"{expected} 127.0.0.1:{port}", error, StringComparison.Ordinal);
        Assert.Contains($"{option}; 0 takes any free one", error, StringComparison.Ordinal);

        // The key that the next start shows is the first one: the start that failed used none up.
        await using ForebayProcess good = await ForebayProcess.UpAsync(Data);
        KeyListView keys = await Cli.JsonAsync(Data, AdminJson.Default.KeyListView, "key", "list");
        Assert.Null(Assert.Single(keys.Keys).Expires);
    }

    [Theory]
    [InlineData("192.0.2.1", "127.0.0.1", "Clients cannot be served on 192.0.2.1")]
    [InlineData("127.0.0.1", "192.0.2.1", "The admin API cannot listen on 192.0.2.1")]
    public async Task An_address_that_is_not_this_machines_is_named(string api, string admin, string expected)
    {
        Fleet($"api: {{listen: '{api}:0'}}, admin: {{listen: '{admin}:0'}}").Write(File);

        Assert.Contains(
            expected, await RefusedAsync("serve", "-c", File, "--data", Data), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_problem_of_the_file_is_told_with_its_line_and_nothing_is_touched()
    {
        System.IO.File.WriteAllText(File, """
            version: 1
            providers:
              - {id: p}
            sites:
              - {id: s, provider: nobody, kind: region, country: US, jurisdiction: us}
              - {id: s2, provider: p, kind: moonbase, country: US, jurisdiction: us}
            tiers:
              - {id: t, requests_per_minute: -5}
            """);

        string error = await RefusedAsync("serve", "-c", File, "--data", Data);

        Assert.Contains($"{File}:5:", error, StringComparison.Ordinal);
        Assert.Contains($"{File}:6:", error, StringComparison.Ordinal);
        Assert.Contains($"{File}:8:", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Data));
    }

    [Fact]
    public async Task Every_missing_secret_and_certificate_is_told_before_anything_is_touched()
    {
        new TestFleet(
            new TestDeployment("a", "m", Nowhere, ", credential: 'env:NO_SUCH_SECRET'"),
            new TestDeployment("b", "m", Nowhere),
            new TestDeployment("c", "m", Nowhere, $", credential: 'file:{_folder.File("none")}'")).Write(File);
        string[] lines = await System.IO.File.ReadAllLinesAsync(File);

        string secrets = await RefusedAsync("serve", "-c", File, "--data", Data);
        Fleet("api: {tls: {certificate_file: /none.crt, key_file: /none.key}}").Write(File);
        string certificate = await RefusedAsync("serve", "-c", File, "--data", Data);

        int Line(string text) => 1 + Array.FindIndex(lines, l => l.Contains(text, StringComparison.Ordinal));
        Assert.Contains($"{File}:{Line("NO_SUCH_SECRET")}:", secrets, StringComparison.Ordinal);
        Assert.Contains("the environment variable of env:NO_SUCH_SECRET is not set", secrets, StringComparison.Ordinal);
        Assert.Contains($"{File}:{Line("file:")}:", secrets, StringComparison.Ordinal);
        Assert.Contains("certificate_file /none.crt cannot be read", certificate, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Data));
    }

    [Fact]
    public async Task A_file_that_cannot_be_read_is_named()
    {
        string missing = await RefusedAsync("serve", "-c", File, "--data", Data);
        string folder = await RefusedAsync("serve", "-c", _folder.Path, "--data", Data);

        Assert.Contains(File, missing, StringComparison.Ordinal);
        Assert.Contains(_folder.Path, folder, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", missing + folder, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_without_the_right_to_read_it_is_named()
    {
        Assert.SkipWhen(Environment.IsPrivilegedProcess, "the superuser may read everything");
        Fleet("").Write(File);
        Chmod(File, UnixFileMode.None);

        Assert.Contains(File, await RefusedAsync("serve", "-c", File, "--data", Data), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_data_directory_that_cannot_be_is_explained()
    {
        System.IO.File.WriteAllText(_folder.File("plain"), "");
        string[][] places =
        [
            [_folder.File("plain"), "is a file"],
            [Path.Combine(_folder.File("plain"), "data"), "--data"],
            [Path.Combine(_folder.File("none"), "data"), "mkdir -p"],
            ["/proc/forebay", "Cannot use /proc/forebay as data directory"],
        ];
        foreach (string[] place in places)
        {
            string error = await RefusedAsync("up", "--port", "0", "--admin-port", "0", "--data", place[0]);
            Assert.Contains(place[1], error, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_data_directory_that_may_not_be_written_is_explained()
    {
        Assert.SkipWhen(Environment.IsPrivilegedProcess, "the superuser may write everywhere");
        Directory.CreateDirectory(Data);
        Chmod(Data, UnixFileMode.UserRead | UnixFileMode.UserExecute);

        string error = await RefusedAsync("up", "--port", "0", "--admin-port", "0", "--data", Data);

        Assert.Contains($"Cannot use {Data} as data directory", error, StringComparison.Ordinal);
        Chmod(Data, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    [Fact]
    public async Task Names_for_addresses_hold_and_what_is_told_can_be_called()
    {
        Fleet("api: {listen: 'localhost:8080'}, admin: {listen: '*:8081'}").Write(File);

        await using ForebayProcess server = await ForebayProcess.ServeAsync(File, Data);

        Assert.StartsWith("http://127.0.0.1:", server.Ready.BaseUrl, StringComparison.Ordinal);
        Assert.StartsWith("http://127.0.0.1:", server.Ready.AdminUrl, StringComparison.Ordinal);
        Assert.True((await Cli.StatusAsync(Data)).Ready);
    }

    private static TestFleet Fleet(string server) =>
        new(new TestDeployment("d", "m", Nowhere)) { Server = server };

    private static void Chmod(string path, UnixFileMode mode)
    {
        if (!OperatingSystem.IsWindows())
        {
            System.IO.File.SetUnixFileMode(path, mode);
        }
    }

    private static async Task<string> RefusedAsync(params string[] arguments)
    {
        Ended ended = await ForebayProcess.RunAsync(arguments);
        Assert.True(ended.Code == 1, $"{ended.Code}: {ended.Errors}");
        Assert.Equal("", ended.Output);
        return ended.Errors;
    }
}
