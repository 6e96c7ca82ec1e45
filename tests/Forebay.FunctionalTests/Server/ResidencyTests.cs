using Forebay.Control.Admin.Contract;
using Forebay.TestKit;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary>The real executable: masks flip under load from the command line, the process is killed, and the ledger
/// proves where every request went.</summary>
public sealed class ResidencyTests : IAsyncLifetime
{
    private const int Callers = 6;

    private readonly TemporaryFolder _folder = new();
    private GatedUpstream _us = null!;
    private GatedUpstream _eu = null!;
    private GatedUpstream _hanging = null!;

    private string Data => _folder.File("data");

    private string File => _folder.File("forebay.yaml");

    public async ValueTask InitializeAsync()
    {
        _us = await GatedUpstream.StartAsync();
        _eu = await GatedUpstream.StartAsync();
        _hanging = await GatedUpstream.StartAsync();
        _us.Open();
        _eu.Open();
        await System.IO.File.WriteAllTextAsync(File, $$"""
            version: 1
            providers: [{id: p}]
            sites:
              - {id: texas, provider: p, country: US, jurisdiction: us}
              - {id: hesse, provider: p, country: DE, jurisdiction: eu}
            pools:
              - {id: texas, site: texas, quota: {requests_per_minute: 1000} }
              - {id: hesse, site: hesse, quota: {requests_per_minute: 1000} }
            models:
              - {id: m, context_tokens: 100000, max_output_tokens: 8000, parameters_billion: 70}
              - {id: slow, context_tokens: 100000, max_output_tokens: 8000, parameters_billion: 70}
            deployments:
              - {id: us, model: m, pool: texas, endpoint: '{{_us.Address}}', dialects: [anthropic]}
              - {id: eu, model: m, pool: hesse, endpoint: '{{_eu.Address}}', dialects: [anthropic]}
              - {id: hangs, model: slow, pool: hesse, endpoint: '{{_hanging.Address}}', dialects: [anthropic]}
            residency_policies: [{id: eu-only, jurisdictions: [eu]}]
            data_classes: [{id: personal, residency: eu-only}]
            tiers: [{id: open}]
            tenants: [{id: acme, tier: open}, {id: strict, tier: open, residency: eu-only}]
            """);
    }

    public async ValueTask DisposeAsync()
    {
        await _us.DisposeAsync();
        await _eu.DisposeAsync();
        await _hanging.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Masks_flip_under_load_hold_through_kill_9_and_the_ledger_proves_it()
    {
        int answers;
        string key;
        await using (ForebayProcess first = await ForebayProcess.ServeAsync(File, Data))
        {
            key = await Cli.NewKeyAsync(Data, "acme");
            string strict = await Cli.NewKeyAsync(Data, "strict");
            string personal = (await Cli.NewKeyViewAsync(Data, "acme", "--data-class", "personal")).Secret;
            using var stop = new CancellationTokenSource();
            Task<int>[] callers =
            [
                .. Enumerable.Range(0, Callers).Select(
                    i => CallAsync(first, i % 3 == 0 ? key : i % 3 == 1 ? strict : personal, stop.Token)),
            ];
            for (int i = 0; i < 6; i++)
            {
                await ExportAsync("--deny", "us");
                Assert.Equal("eu", (await AskAsync(first, key)).Headers["x-forebay-deployment"]);
                await ExportAsync("--deny", "eu", "--allow", "us");
                Assert.Equal("us", (await AskAsync(first, key)).Headers["x-forebay-deployment"]);
                await ExportAsync("--deny", "us");
                Answer refused = await AskAsync(first, key);
                Assert.Equal((403, "export_control"), (refused.Status, refused.Headers["x-forebay-reason"]));
                await ExportAsync("--allow", "us", "--allow", "eu");
                Assert.Equal(200, (await AskAsync(first, key)).Status);
            }

            ExportView last = await ExportAsync("--deny-country", "US");
            Assert.Equal([false, true], last.Places.Select(p => p.Allowed));
            await stop.CancelAsync();
            answers = (await Eventually.Within(Task.WhenAll(callers))).Sum();
            Task<HttpResponseMessage> hangs = first.Api.SendAsync(
                Calls.Messages("slow", stream: true, key: key), HttpCompletionOption.ResponseHeadersRead);
            await Eventually.Within(hangs);
            first.Signal(ProcessSignal.Kill);
            await first.EndedAsync();
        }

        await using ForebayProcess second = await ForebayProcess.ServeAsync(File, Data);
        Answer after = await AskAsync(second, key);
        Assert.Equal("eu", after.Headers["x-forebay-deployment"]);
        ResidencyView report = await Cli.JsonAsync(Data, AdminJson.Default.ResidencyView, "audit", "residency");
        UsageView usage = await Cli.JsonAsync(Data, AdminJson.Default.UsageView, "usage", "--by", "tenant");

        Assert.True(report.Clean);
        Assert.Equal(usage.Rows.Sum(r => r.Requests), report.UsageRequests);
        Assert.Equal(report.UsageRequests, report.Proven + report.Unsent + report.Unproven);
        Assert.True(report.Proven >= answers);
        Assert.Equal(1, Assert.Single(report.Gaps).Requests);
        Assert.All(
            report.Totals.Where(t => t.Tenant == "strict" || t.Policy.Contains("personal")),
            t => Assert.Equal("eu", t.Jurisdiction));
        Assert.Contains(report.Totals, t => t.Policy == "default + personal:eu-only");
        Assert.Contains(report.Totals, t => t is { Tenant: "acme", Jurisdiction: "us", Requests: > 0 });
        string text = await Cli.OkAsync(Data, "audit", "residency", "--tenant", "strict");
        Assert.Contains("No violation", text, StringComparison.Ordinal);
        string csv = await Cli.OkAsync(Data, "audit", "residency", "--csv");
        Assert.StartsWith("row,tenant,model,policy,site,jurisdiction,country,site_kind,requests", csv, StringComparison.Ordinal);
        Assert.Contains("model.export", await Cli.OkAsync(Data, "audit", "list"), StringComparison.Ordinal);
        await second.StopAsync();
    }

    private async Task<ExportView> ExportAsync(params string[] change) => await Cli.JsonAsync(
        Data, AdminJson.Default.ExportView, ["model", "export", "m", .. change]);

    private static Task<Answer> AskAsync(ForebayProcess server, string key) =>
        server.Api.AskAsync(Calls.Messages("m", key: key));

    private static async Task<int> CallAsync(ForebayProcess server, string key, CancellationToken stop)
    {
        int answers = 0;
        while (!stop.IsCancellationRequested)
        {
            Answer answer = await AskAsync(server, key);
            Assert.True(answer.Status is 200 or 403, answer.Text);
            answers += answer.Status == 200 ? 1 : 0;
        }

        return answers;
    }
}
