using System.Globalization;
using Forebay.Control.Admin.Contract;
using Forebay.Core.Config;
using Forebay.Core.Serving;
using Forebay.Emulator;
using Forebay.TestKit;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary>A partner is onboarded on a running server over its real endpoint, by the commands.</summary>
public sealed class PartnerTests : IAsyncLifetime
{
    private const string Model = "m";

    private readonly TemporaryFolder _folder = new();
    private EmulatorHost _engines = null!;
    private ForebayProcess _server = null!;

    private string Data => _folder.File("data");

    private string Fleet => _folder.File("forebay.yaml");

    public async ValueTask InitializeAsync()
    {
        _engines = await EmulatorHost.StartAsync(
            new EmulatorSpec { TimeScale = 100, Deployments = [Engine("a"), Engine("east")] },
            TimeProvider.System,
            CancellationToken.None);
        new TestFleet(new TestDeployment("a", Model, _engines.Endpoints["a"])).Write(Fleet);
        _server = await ForebayProcess.ServeAsync(Fleet, Data);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _engines.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_partner_goes_from_offer_to_exit_and_outlives_reloads_and_restarts()
    {
        string file = Offer("east", tokensPerSecond: 1);
        Assert.Contains("forebay provider sign east --contract", await Cli.OkAsync(Data, "provider", "onboard", file),
            StringComparison.Ordinal);
        await Cli.OkAsync(Data, "provider", "sign", "east", "--contract", "MSA 7");
        await Cli.OkAsync(Data, "provider", "connect", "east");
        Assert.DoesNotContain((await ShowAsync()).Lanes, l => l.Pool == "east-pool");

        string accepted = await Cli.OkAsync(Data, "provider", "accept", "east");

        Assert.Contains("passed", accepted, StringComparison.Ordinal);
        LaneView lane = Assert.Single((await ShowAsync()).Lanes, l => l.Pool == "east-pool");
        Assert.Equal(("partner/east", 8L, 8L), (lane.Owner, lane.Contracted, lane.Available));

        // A reload leaves it, and so does the next process.
        await Cli.OkAsync(Data, "reload");
        await _server.StopAsync();
        await using (_server)
        {
            _server = await ForebayProcess.ServeAsync(Fleet, Data);
        }

        PartnerView again = await Cli.JsonAsync(Data, AdminJson.Default.PartnerView, "provider", "show", "east");
        Assert.Equal(("in_service", "MSA 7"), (again.State, again.Contract));
        Assert.Equal(8, Assert.Single((await ShowAsync()).Lanes, l => l.Pool == "east-pool").Available);
        await EvidenceStandsInTheAuditLogAsync();

        await Cli.OkAsync(Data, "provider", "drain", "east");
        await Cli.OkAsync(Data, "provider", "exit", "east");
        Assert.Equal(0, Assert.Single((await ShowAsync()).Lanes, l => l.Pool == "east-pool").Available);
        Assert.Contains("intact", await Cli.OkAsync(Data, "audit", "verify"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_provider_that_claims_more_than_its_throughput_fits_counts_for_what_was_measured()
    {
        Ended onboard = await Cli.RunAsync(
            Data, "provider", "onboard", Offer("east", tokensPerSecond: 100_000_000), "--contract", "MSA 7");

        Assert.Contains("the throughput fits 0 accelerators, not the 8 claimed", onboard.Output, StringComparison.Ordinal);
        PartnerView partner = await Cli.JsonAsync(Data, AdminJson.Default.PartnerView, "provider", "show", "east");
        Assert.Equal("acceptance", partner.State);
        Assert.NotNull(partner.CureUntil);
        Assert.DoesNotContain((await ShowAsync()).Lanes, l => l.Pool == "east-pool");
    }

    [Fact]
    public async Task A_file_with_problems_changes_nothing_and_every_line_is_named()
    {
        string file = Offer("east", tokensPerSecond: 1);
        await File.WriteAllTextAsync(
            file,
            (await File.ReadAllTextAsync(file)).Replace("cure_days: 30", "cure_days: 99999", StringComparison.Ordinal)
                .Replace("site: east-site", "site: nowhere", StringComparison.Ordinal));

        Ended refused = await Cli.RunAsync(Data, "provider", "onboard", file);

        Assert.Equal(1, refused.Code);
        Assert.Contains("commitment.cure_days", refused.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("east ", await Cli.OkAsync(Data, "provider", "list"), StringComparison.Ordinal);
    }

    private async Task EvidenceStandsInTheAuditLogAsync()
    {
        string folder = _folder.File("evidence");
        string written = await Cli.OkAsync(
            Data, "capacity", "evidence", "east-terms", "--from", "2h", "--to-folder", folder);
        string json = Assert.Single(Directory.GetFiles(folder, "*.json"));
        string sha256 = Convert.ToHexStringLower(
            System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(json)));
        Assert.Contains(sha256, written, StringComparison.Ordinal);
        AuditListView log = await Cli.JsonAsync(Data, AdminJson.Default.AuditListView, "audit", "list");
        Assert.Contains(log.Entries, e => e.Action == "capacity.evidence"
            && e.DetailJson.Contains(sha256, StringComparison.Ordinal));

        string invoice = _folder.File("invoice.csv");
        await File.WriteAllTextAsync(invoice, "commitment,period,quantity,amount\neast-terms,2026-01-01T00,8,16.00\n");
        Ended compared = await Cli.RunAsync(Data, "capacity", "reconcile", invoice);
        Assert.Equal(1, compared.Code);
        Assert.Contains("bills 8 unit-hours, 0 were delivered (+8)", compared.Output, StringComparison.Ordinal);
    }

    private Task<CapacityView> ShowAsync() => Cli.JsonAsync(Data, AdminJson.Default.CapacityView, "capacity", "show");

    private string Offer(string id, double tokensPerSecond)
    {
        string file = _folder.File($"onboard-{id}.yaml");
        File.WriteAllText(file, $$"""
            id: {{id}}
            provider: {id: {{id}}}
            sites:
              - id: {{id}}-site
                provider: {{id}}
                country: US
                jurisdiction: us
            commitment:
              id: {{id}}-terms
              provider: {{id}}
              unit: accelerators
              quantity: 8
              starts: 2026-01-01
              ends: 2036-12-31
              price: {usd: 2, per: accelerator_hour}
              cure_days: 30
            pools:
              - id: {{id}}-pool
                site: {{id}}-site
                commitment: {{id}}-terms
                accelerators: {type: H100-SXM, count: 8}
            connections:
              - pool: {{id}}-pool
                endpoint: {{_engines.Endpoints["east"].AbsoluteUri.TrimEnd('/')}}
                output_tokens_per_second: {{tokensPerSecond.ToString(CultureInfo.InvariantCulture)}}
            acceptance: {requests: 16, concurrency: 4, max_output_tokens: 32}
            """);
        return file;
    }

    private static EmulatedDeploymentSpec Engine(string id) => new()
    {
        Id = id,
        Model = Model,
        Accelerator = "H100-SXM",
        AcceleratorsPerReplica = 8,
        Dialects = [Dialect.OpenAi, Dialect.Anthropic],
        Description = new ModelConfig
        {
            Id = Model, ContextTokens = 32_768, MaxOutputTokens = 8192, ParametersBillion = Figure.Of(70),
        },
    };
}
