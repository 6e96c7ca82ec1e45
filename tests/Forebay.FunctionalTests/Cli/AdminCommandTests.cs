using System.CommandLine;
using System.Text.Json;
using Forebay.Control.Access;
using Forebay.Control.Admin.Contract;
using Forebay.Core.Access;
using Forebay.Core.Audit.Residency;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Explain;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Routing;
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
    public async Task Export_masks_are_set_shown_and_lifted()
    {
        string denied = await OkAsync("model", "export", "deep-latest", "--deny", "us", "--deny-kind", "orbital");
        Assert.Contains("denied here  us; kinds orbital", denied, StringComparison.Ordinal);
        Assert.Contains("deep-cloud", denied, StringComparison.Ordinal);
        Assert.Contains("denied by the admin API", denied, StringComparison.Ordinal);
        Assert.Contains("No site of the fleet is in orbital today.", denied, StringComparison.Ordinal);
        Assert.Equal(1, _admin.Fleet.Exports.Of("deep").Version);
        string again = await OkAsync("model", "export", "deep", "--deny", "us");
        Assert.Contains("version      1", again, StringComparison.Ordinal);
        await OkAsync("model", "export", "deep", "--allow", "us", "--allow-kind", "orbital");

        string shown = await OkAsync("model", "export", "deep", "--show");

        Assert.Contains("denied here  nothing", shown, StringComparison.Ordinal);
        Assert.Equal(["model.export", "model.export"],
            _admin.Audit.Entries.Select(e => e.Action).Where(a => a.StartsWith("model.", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_models_curve_is_shown_by_objective_and_deployment()
    {
        string[] lines = (await OkAsync("model", "curve", "deep-latest", "--ttft-p90", "500", "--ttft-p90", "2000"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.StartsWith("model ", lines[0], StringComparison.Ordinal);
        Assert.Equal(2, lines.Count(l => l.StartsWith("all ", StringComparison.Ordinal)));
        Assert.Equal(2, lines.Count(l => l.StartsWith("deep-cloud ", StringComparison.Ordinal)
            && l.EndsWith("assumed", StringComparison.Ordinal)));
        (int status, _, string error) = await RunAsync("model", "curve", "deep", "--ttft-p90", "-5");
        Assert.Equal(1, status);
        Assert.Contains("ttft_p90_ms", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_export_mask_that_cannot_be_stored_is_not_in_force()
    {
        _admin.ExportStore.WriteFailure = new IOException("full");

        (int status, _, _) = await RunAsync("model", "export", "deep", "--deny", "*");

        Assert.Equal(1, status);
        Assert.True(_admin.Fleet.Exports.Of("deep").IsEmpty);
        Assert.Equal("model.export.failed", _admin.Audit.Entries[^1].Action);
    }

    [Fact]
    public async Task A_wrong_export_change_is_told_field_by_field()
    {
        (int status, _, string error) = await RunAsync(
            "model", "export", "deep", "--deny", "US", "--deny-country", "de", "--deny-kind", "moon");

        Assert.Equal(1, status);
        Assert.All(["deny[0]", "deny_countries[0]", "deny_site_kinds[0]"], f => Assert.Contains(f, error));
        (status, _, error) = await RunAsync("model", "export", "nope", "--deny", "us");
        Assert.Equal(1, status);
        Assert.Contains("There is no model 'nope'", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_violation_in_the_ledger_fails_the_audit()
    {
        var rules = PermissionContext.Of(
            _admin.Fleet.Model.FindModel("deep")!.Config,
            new PermissionRules(new ResidencyPolicyConfig { Id = "eu-only", Jurisdictions = ["eu"] }),
            ExportDenials.None);
        var good = new PlaceEvidence(
            "acme", "deep", PlaceRole.Last, rules.Hash, rules.Content, "oslo", "eu", "NO", "region", 5, default, default);
        _admin.Places.Places.Add(good);
        _admin.Places.UsageRequests = 5;
        Assert.Contains("No violation", await OkAsync("audit", "residency"), StringComparison.Ordinal);
        _admin.Places.UsageRequests = 6;
        Assert.Contains("differ", (await RunAsync("audit", "residency")).Output, StringComparison.Ordinal);
        _admin.Places.Places.Add(good with { Site = "dallas", Jurisdiction = "us", Country = "US", Requests = 1 });

        (int status, string output, _) = await RunAsync("audit", "residency");
        (int jsonStatus, string json, _) = await RunAsync("audit", "residency", "--json");
        (int csvStatus, string csv, _) = await RunAsync("audit", "residency", "--csv");

        Assert.Equal((1, 1, 1), (status, jsonStatus, csvStatus));
        Assert.Contains("tenant policy eu-only does not allow jurisdiction us", output, StringComparison.Ordinal);
        ResidencyView report = Parse(json, AdminJson.Default.ResidencyView);
        Assert.Equal((1L, 5L), (report.Violating, report.Proven));
        Assert.Contains("violation,acme,deep,,dallas,us,US,region,1,0,", csv, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Routing_is_listed_read_back_and_watched()
    {
        var story = new Explanation(0x123, 0, ExplainCause.Retried, late: true) { Tenant = "acme", Model = "deep" };
        story.Add(new ExplainStep(1, "police", "permitted", [new PolicedCandidate("deep-real", "oslo", "eu", "data_class")]));
        story.Add(new ExplainStep(2, "route", "deep-real: why", Route: new RouteDecision(
            "predictive",
            [new RouteCandidate("deep-real", "oslo", null, null, 1, 2, 3, 6, 0, 0.5, 0, 100, 1, 8)],
            "deep-real",
            "why")));
        _admin.Fleet.Explanations.Keep(story, 1 << 20);
        string id = "req_" + story.RequestId.ToString("x32", null);

        Assert.Contains(id, await OkAsync("explain"), StringComparison.Ordinal);
        string text = await OkAsync("explain", id);
        Assert.All(["data_class", "deep-real: why", "1/8", "found out afterwards"], part => Assert.Contains(part, text));
        ExplanationView view = Parse(await OkAsync("explain", id, "--json"), AdminJson.Default.ExplanationView);
        Assert.Equal(6, view.Steps[1].Route!.Candidates[0].FirstTokenMs);
        Assert.Contains("is kept until", await OkAsync("explain", "--watch", "acme", "--for", "5m"), StringComparison.Ordinal);
        Assert.Equal("explain.watch", _admin.Audit.Entries[^1].Action);
        Assert.NotNull(_admin.Fleet.Explanations.CauseFor(uint.MaxValue, "acme", 0, 0));
        Assert.Equal(1, (await RunAsync("explain", "req_nope")).Status);
        Assert.Equal(1, (await RunAsync("explain", "--watch", "nobody")).Status);
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
