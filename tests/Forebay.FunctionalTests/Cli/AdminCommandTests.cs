using System.CommandLine;
using System.Text.Json;
using Forebay.Control.Access;
using Forebay.Control.Admin.Contract;
using Forebay.Core.Access;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Control;
using Forebay.Storage.Data;
using Xunit;

namespace Forebay.FunctionalTests.Cli;

/// <summary>The commands, through the command tree, against a running admin server found by its data directory.
/// </summary>
public sealed class AdminCommandTests : IAsyncLifetime
{
    private AdminHarness _admin = null!;
    private DataDirectory _directory = null!;

    public async ValueTask InitializeAsync()
    {
        _admin = await AdminHarness.StartAsync();
        _directory = DataDirectory.Open(_admin.Data);
        _directory.WriteServerInfo(
            new ServerInfo(Environment.ProcessId, _admin.Server.Address, _admin.Server.Address));
        await AdminTokenFile.EnsureAsync(_admin.Data, _admin.Tokens, CancellationToken.None);
    }

    public ValueTask DisposeAsync()
    {
        _directory.Dispose();
        return _admin.DisposeAsync();
    }

    [Fact]
    public async Task Keys_are_created_listed_rotated_and_revoked()
    {
        IssuedKeyView made = Parse(
            await OkAsync("key", "create", "--tenant", "acme", "--name", "ci", "--model", "deep", "--json"),
            AdminJson.Default.IssuedKeyView);
        Assert.Equal(["deep"], made.Key.Models!);
        string rotated = await OkAsync("key", "rotate", made.Key.Id, "--overlap", "1h");
        Assert.Contains($"{made.Key.Id} goes on working until 2026-06-01T13:00:00Z", rotated, StringComparison.Ordinal);
        await OkAsync("key", "revoke", made.Key.Id);

        string[] lines = (await OkAsync("key", "list")).Split('\n');

        Assert.StartsWith("ID ", lines[0], StringComparison.Ordinal);
        Assert.Contains(lines, l => l.StartsWith(made.Key.Id, StringComparison.Ordinal)
            && l.Contains(" revoked ", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, l => l.Contains(made.Secret, StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_the_server_refuses_is_told_field_by_field()
    {
        (int status, _, string error) = await RunAsync(
            "key", "create", "--tenant", "nobody", "--name", "ci", "--model", "nope");

        Assert.Equal(1, status);
        Assert.Contains("tenant nobody is not a tenant of the fleet. Use one of: acme, globex", error,
            StringComparison.Ordinal);
        Assert.Contains("models[0] nope is not a model", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tokens_are_created_listed_and_revoked()
    {
        IssuedTokenView made = Parse(
            await OkAsync("token", "create", "--name", "dash", "--role", "viewer", "--expires", "2030-01-01", "--json"),
            AdminJson.Default.IssuedTokenView);
        await OkAsync("token", "revoke", made.Token.Id);

        Assert.Contains(" revoked ", (await OkAsync("token", "list")).Split('\n')
            .Single(l => l.StartsWith(made.Token.Id, StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Usage_comes_as_table_csv_and_json()
    {
        _admin.Usage.Settle(new UsageRecord
        {
            RequestId = 1,
            AcceptedUnixMs = _admin.Time.GetUtcNow().ToUnixTimeMilliseconds(),
            Tenant = "acme",
            Key = "key_x",
            Model = "deep",
            Outcome = UsageOutcome.Completed,
            Tokens = new TokenUsage(1234, 0, 0, 56),
            CustomerPriceMicros = 1_500_000,
        });
        string[] period = ["usage", "--from", "2026-06-01", "--to", "2026-06-02", "--by", "tenant,model"];

        string[] table = (await OkAsync(period)).Split('\n');
        Assert.Equal(["acme", "deep", "1", "0", "1,234", "0", "0", "56", "0.000000", "1.500000"],
            table[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)[..10]);
        Assert.Contains("acme,deep,1,0,1234,", await OkAsync([.. period, "--format", "csv"]), StringComparison.Ordinal);
        UsageView json = Parse(await OkAsync([.. period, "--format", "json"]), AdminJson.Default.UsageView);
        Assert.Equal(1_500_000, Assert.Single(json.Rows).CustomerPriceMicros);
    }

    [Fact]
    public async Task Status_shows_the_fleet_and_every_deployment()
    {
        string text = await OkAsync("status");

        Assert.Contains("server   ready, version", text, StringComparison.Ordinal);
        Assert.Contains("2 providers, 2 sites, 4 deployments", text, StringComparison.Ordinal);
        Assert.All(_admin.Fleet.Model.Deployments, d => Assert.Contains(d.Id, text, StringComparison.Ordinal));
        Assert.True(Parse(await OkAsync("status", "--json"), AdminJson.Default.StatusView).Ready);
    }

    [Fact]
    public async Task The_audit_log_is_listed_and_a_break_fails_the_command()
    {
        Assert.Contains("token.create", await OkAsync("audit", "list", "--limit", "2"), StringComparison.Ordinal);
        Assert.Contains("intact", await OkAsync("audit", "verify"), StringComparison.Ordinal);

        _admin.Audit.Tamper(0, e => e with { Subject = "other" });
        (int status, string output, _) = await RunAsync("audit", "verify");

        Assert.Equal(1, status);
        Assert.Contains("broken at entry 1", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reload_with_problems_prints_them_with_lines_and_fails()
    {
        _admin.Reload = () => new ReloadView(
            false, null, [new FileProblemView("pools[2].site", 41, "is not a site.", "Use oslo.")]);

        (int status, string output, _) = await RunAsync("reload");

        Assert.Equal(1, status);
        Assert.Contains("line 41, pools[2].site: is not a site. Use oslo.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_backup_lands_in_the_file_private_and_whole()
    {
        string file = Path.Combine(_admin.Data, "copy.backup");

        await OkAsync("backup", file);

        Assert.Equal(_admin.BackupContents, await File.ReadAllBytesAsync(file));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }

        (int again, _, string error) = await RunAsync("backup", file);
        Assert.Equal(1, again);
        Assert.Contains("never overwritten", error, StringComparison.Ordinal);
        Assert.Contains("/backups/kept", await OkAsync("backup", "kept", "--on-server"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_restore_hands_over_full_paths_and_needs_the_file()
    {
        (string File, string Data, bool Replace)? restored = null;
        Command command = Commands.RestoreCommand.Create((file, data, replace, _) =>
        {
            restored = (file, data, replace);
            return Task.CompletedTask;
        });
        string backup = Path.Combine(_admin.Data, "b.backup");
        (int missing, _, string error) = await InvokeAsync(command, [backup, "--data", _admin.Data]);
        await File.WriteAllTextAsync(backup, "x");
        (int status, _, _) = await InvokeAsync(command, [backup, "--data", _admin.Data, "--force"]);

        Assert.Equal((1, 0), (missing, status));
        Assert.Contains("is not there", error, StringComparison.Ordinal);
        Assert.Equal((backup, _admin.Data, true), restored);
    }

    [Fact]
    public async Task A_server_that_is_gone_is_told_from_one_that_never_was()
    {
        await _admin.Server.StopAsync(CancellationToken.None);
        (int gone, _, string goneError) = await RunAsync("status");
        _directory.Dispose();
        (int never, _, string neverError) = await RunAsync("status");

        Assert.Equal((1, 1), (gone, never));
        Assert.Contains($"process {Environment.ProcessId} should serve", goneError, StringComparison.Ordinal);
        Assert.Contains("No server runs on the data directory", neverError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_elsewhere_is_reached_by_address_and_token_and_the_role_holds()
    {
        string[] there =
        [
            "--admin-url", _admin.Server.Address.ToString(), "--admin-token", _admin.TokenOf(AdminRole.Viewer),
            "--data", "/nonexistent",
        ];

        (int read, _, _) = await InvokeAsync(Program.BuildRoot(), ["status", .. there]);
        (int write, _, string error) = await InvokeAsync(Program.BuildRoot(), ["reload", .. there]);

        Assert.Equal((0, 1), (read, write));
        Assert.Contains("needs the role operator", error, StringComparison.Ordinal);
    }

    private async Task<string> OkAsync(params string[] args)
    {
        (int status, string output, string error) = await RunAsync(args);
        Assert.True(status == 0, error + output);
        return output;
    }

    private Task<(int Status, string Output, string Error)> RunAsync(params string[] args) =>
        InvokeAsync(Program.BuildRoot(), [.. args, "--data", _admin.Data]);

    private static async Task<(int Status, string Output, string Error)> InvokeAsync(Command command, string[] args)
    {
        var configuration = new InvocationConfiguration { Output = new StringWriter(), Error = new StringWriter() };
        int status = await command.Parse(args).InvokeAsync(configuration);
        return (status, configuration.Output.ToString()!, configuration.Error.ToString()!);
    }

    private static T Parse<T>(string json, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        Assert.Single(json.TrimEnd('\n').Split('\n'));
        return JsonSerializer.Deserialize(json, type)!;
    }
}
