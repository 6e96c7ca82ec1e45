using System.Text.RegularExpressions;
using Forebay.Control.Admin.Contract;
using Forebay.TestKit;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary>The commands against a server that runs, found by its data directory, and what its clients see of them.
/// </summary>
[Collection(nameof(UpFixture))]
public sealed partial class CommandTests(UpFixture fixture)
{
    private const string Model = "atlas-small";

    private ForebayProcess Server => fixture.Server;

    private string Data => fixture.Data;

    [Fact]
    public async Task A_key_works_from_its_creation_until_it_is_revoked()
    {
        IssuedKeyView issued = await Cli.NewKeyViewAsync(Data, "acme-eu", "--model", Model);

        Assert.Equal(200, await AskAsync(issued.Secret));
        Assert.Equal(403, await AskAsync(issued.Secret, "atlas-large"));
        Assert.Contains(issued.Key.Id, await Cli.OkAsync(Data, "key", "list"), StringComparison.Ordinal);
        Assert.DoesNotContain(issued.Secret, await Cli.OkAsync(Data, "key", "list"), StringComparison.Ordinal);

        await Cli.OkAsync(Data, "key", "revoke", issued.Key.Id);
        Answer refused = await Server.Api.AskAsync(Calls.Messages(Model, key: issued.Secret));
        Assert.Equal(401, refused.Status);
        Assert.Contains($"API key {issued.Key.Id} was revoked", refused.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rotated_key_goes_on_beside_its_successor_for_as_long_as_asked()
    {
        IssuedKeyView first = await Cli.NewKeyViewAsync(Data, "hobby");
        IssuedKeyView second = await Cli.JsonAsync(
            Data, AdminJson.Default.IssuedKeyView, "key", "rotate", first.Key.Id, "--overlap", "1h");
        Assert.Equal((200, 200), (await AskAsync(first.Secret), await AskAsync(second.Secret)));

        IssuedKeyView third = await Cli.JsonAsync(
            Data, AdminJson.Default.IssuedKeyView, "key", "rotate", second.Key.Id, "--overlap", "0s");
        Assert.Equal((401, 200), (await AskAsync(second.Secret), await AskAsync(third.Secret)));
    }

    [Fact]
    public async Task A_token_may_do_what_its_role_says()
    {
        string[] Here(string token) => ["--admin-url", Server.Ready.AdminUrl, "--admin-token", token];
        string viewer = await TokenAsync("viewer");
        string operates = await TokenAsync("operator");

        Assert.Equal(0, (await Cli.RunAsync(Data, ["status", .. Here(viewer)])).Code);
        Ended reload = await Cli.RunAsync(Data, ["reload", .. Here(viewer)]);
        Assert.Equal(1, reload.Code);
        Assert.Contains("needs the role operator", reload.Errors, StringComparison.Ordinal);
        Assert.Equal(0, (await Cli.RunAsync(Data, ["reload", .. Here(operates)])).Code);
        Ended create = await Cli.RunAsync(
            Data, ["token", "create", "--name", "more", "--role", "admin", .. Here(operates)]);
        Assert.Equal(1, create.Code);
        Assert.Contains("needs the role admin", create.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hour")]
    [InlineData("tenant")]
    [InlineData("model")]
    [InlineData("provider")]
    public async Task Usage_is_the_same_in_every_form_whatever_it_is_split_by(string by)
    {
        // A tenant of this test alone: others use the server meanwhile.
        string tenant = "acme-eu";
        IssuedKeyView key = await Cli.NewKeyViewAsync(Data, tenant);
        Assert.Equal(200, await AskAsync(key.Secret));
        string[] ask = ["usage", "--by", by + ",key", "--tenant", tenant];

        UsageView json = await Cli.JsonAsync(Data, AdminJson.Default.UsageView, ask);
        UsageRowView row = json.Rows.Single(r => r.Group["key"] == key.Key.Id);
        string csv = (await Cli.OkAsync(Data, [.. ask, "--format", "csv"])).Split('\n')
            .Single(l => l.Contains(key.Key.Id, StringComparison.Ordinal));
        string table = (await Cli.OkAsync(Data, ask)).Split('\n')
            .Single(l => l.Contains(key.Key.Id, StringComparison.Ordinal));

        Assert.Equal((1, 0, true), (row.Requests, row.FailedRequests, row.InputTokens > 0 && row.OutputTokens > 0));
        Assert.StartsWith(
            $"{row.Group[by]},{key.Key.Id},1,0,{row.InputTokens},0,0,{row.OutputTokens},", csv,
            StringComparison.Ordinal);
        Assert.Equal(
            [row.Group[by], key.Key.Id, "1", "0", $"{row.InputTokens}", "0", "0", $"{row.OutputTokens}"],
            table.Split(' ', StringSplitOptions.RemoveEmptyEntries)[..8]);
    }

    [Fact]
    public async Task Status_and_metrics_show_the_traffic_and_name_only_so_many_tenants()
    {
        Assert.Equal(200, await AskAsync(Server.Ready.ApiKey!));
        StatusView status = await Cli.StatusAsync(Data);
        Assert.True(status.Ready);
        Assert.Equal(7, status.Fleet.Emulated);
        Assert.NotEqual(0, status.Deployments.Where(d => d.Model == Model).Sum(d => d.Completed));

        string metrics = await Server.Admin.GetStringAsync("/metrics");
        foreach (string series in (string[])
            ["forebay_gateway_requests_total", "forebay_gateway_tokens_total", "forebay_gateway_in_flight",
                "forebay_gateway_request_duration_seconds_bucket", "forebay_gateway_time_to_first_token_seconds_count",
                "forebay_deployment_in_flight", "forebay_queue_waiting", "forebay_queue_oldest_seconds",
                "forebay_keys", "forebay_journal_writable"])
        {
            Assert.Contains($"\n{series}", metrics, StringComparison.Ordinal);
        }

        Assert.Contains("tenant=\"demo\"", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tenants_past_the_bound_share_one_label()
    {
        using var folder = new TemporaryFolder();
        string data = folder.File("data");
        string[] tenants = ["t1", "t2", "t3", "t4"];
        string file = new TestFleet(new TestDeployment("d", "m", new Uri("http://127.0.0.1:9")))
        {
            Tenants = tenants,
            Server = "telemetry: {max_tenant_labels: 2}",
        }.Write(folder.File("forebay.yaml"));
        await using ForebayProcess server = await ForebayProcess.ServeAsync(file, data);
        foreach (string tenant in tenants)
        {
            await server.Api.AskAsync(Calls.Messages("nope", key: await Cli.NewKeyAsync(data, tenant)));
        }

        string metrics = await server.Admin.GetStringAsync("/metrics");
        Assert.Equal(
            ["other", "t1", "t2"],
            TenantPattern().Matches(metrics).Select(m => m.Groups[1].Value).Distinct().Order());
    }

    [Fact]
    public async Task A_backup_taken_while_serving_restores_elsewhere_with_keys_and_usage()
    {
        using var folder = new TemporaryFolder();
        IssuedKeyView key = await Cli.NewKeyViewAsync(Data, "acme-eu");
        Assert.Equal(200, await AskAsync(key.Secret));
        string backup = folder.File("copy.backup");
        await Cli.OkAsync(Data, "backup", backup);
        string restored = folder.File("restored");

        await Cli.OkAsync(restored, "restore", backup);
        await using ForebayProcess second = await ForebayProcess.UpAsync(restored);

        Answer answer = await second.Api.AskAsync(Calls.Messages(Model, key: key.Secret));
        Assert.True(answer.IsComplete, answer.Text);
        UsageView usage = await Cli.JsonAsync(restored, AdminJson.Default.UsageView, "usage", "--by", "key");
        Assert.Equal(2, usage.Rows.Single(r => r.Group["key"] == key.Key.Id).Requests);
        Assert.Contains("intact", await Cli.OkAsync(restored, "audit", "verify"), StringComparison.Ordinal);
        AuditListView log = await Cli.JsonAsync(restored, AdminJson.Default.AuditListView, "audit", "list");
        Assert.Single(log.Entries, e => e is { Action: "state.restore", Actor: "startup" });
        Ended inUse = await Cli.RunAsync(restored, "restore", backup, "--force");
        Assert.Equal(1, inUse.Code);
        Assert.Contains("in use by process", inUse.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_change_is_in_the_audit_log_with_who_made_it_and_no_secret()
    {
        IssuedKeyView key = await Cli.NewKeyViewAsync(Data, "hobby");

        string list = await Cli.OkAsync(Data, "audit", "list", "--limit", "1000");

        string line = list.Split('\n').Single(l => l.Contains(key.Key.Id, StringComparison.Ordinal));
        Assert.Contains("key.create", line, StringComparison.Ordinal);
        Assert.DoesNotContain(key.Secret, list, StringComparison.Ordinal);
        Assert.DoesNotContain(Server.Ready.AdminToken, list, StringComparison.Ordinal);
        Assert.Contains("intact", await Cli.OkAsync(Data, "audit", "verify"), StringComparison.Ordinal);
    }

    private async Task<int> AskAsync(string key, string model = Model) =>
        (await Server.Api.AskAsync(Calls.Messages(model, key: key))).Status;

    private async Task<string> TokenAsync(string role) => (await Cli.JsonAsync(
        Data, AdminJson.Default.IssuedTokenView, "token", "create", "--name", role, "--role", role)).Secret;

    [GeneratedRegex("tenant=\"([^\"]*)\"")]
    private static partial Regex TenantPattern();
}
