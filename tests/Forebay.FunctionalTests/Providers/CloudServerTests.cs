using Forebay.FunctionalTests.Server;
using Forebay.TestKit;
using Forebay.TestKit.Providers;
using Forebay.TestKit.Providers.Shapes;
using Forebay.TestKit.Providers.Tokens;
using Xunit;

namespace Forebay.FunctionalTests.Providers;

/// <summary>A server with deployments at Google and Azure, from the fleet file to the answer.</summary>
public sealed class CloudServerTests : IAsyncLifetime
{
    private const string Key = "the-resources-key";

    private readonly TemporaryFolder _folder = new();
    private TokenIssuer _tokens = null!;
    private ScriptedProvider _vertex = null!;
    private ScriptedProvider _azure = null!;

    private string Data => _folder.File("data");

    public async ValueTask InitializeAsync()
    {
        _tokens = await TokenIssuer.StartAsync();
        _vertex = await ScriptedProvider.StartAsync(new VertexShape(_tokens.IsToken, "my-project", "global"));
        _azure = await ScriptedProvider.StartAsync(
            new AzureOpenAiShape((sent, isToken) => !isToken && sent == Key, "gpt-prod", null));
    }

    public async ValueTask DisposeAsync()
    {
        await _azure.DisposeAsync();
        await _vertex.DisposeAsync();
        await _tokens.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_machines_identity_and_a_key_from_the_environment_call_both_clouds()
    {
        string identity = _folder.File("adc.json");
        await File.WriteAllTextAsync(identity, _tokens.NewAccount("my-project").Json(_tokens.Address));

        await using ForebayProcess server = await ForebayProcess.StartAsync(
            ["serve", "-c", Fleet("google:adc"), "--json", "--port", "0", "--admin-port", "0", "--data", Data],
            ("GOOGLE_APPLICATION_CREDENTIALS", identity),
            ("AZURE_KEY", Key));
        string key = await Server.Cli.NewKeyAsync(Data, "acme");
        Answer[] answers =
        [
            await server.Api.AskAsync(Calls.Messages("claude", key: key)),
            await server.Api.AskAsync(Calls.Messages("claude", stream: true, key: key)),
            await server.Api.AskAsync(Calls.Messages("gpt", stream: true, key: key)),
        ];

        Assert.All(answers, a => Assert.True(a.IsComplete, a.Text));
        Assert.Equal(["vertex", "vertex", "azure"], answers.Select(a => a.Headers["x-forebay-deployment"]));
        Assert.Empty(_vertex.Complaints.Concat(_azure.Complaints).Concat(_tokens.Complaints));
        Assert.Equal(1, _tokens.Issued);
    }

    [Fact]
    public async Task A_tenant_that_must_stay_in_one_place_is_kept_from_what_may_run_in_two()
    {
        string identity = _folder.File("account.json");
        await File.WriteAllTextAsync(identity, _tokens.NewAccount("my-project").Json(_tokens.Address));

        await using ForebayProcess server = await ForebayProcess.StartAsync(
            ["serve", "-c", Fleet("google:file/" + identity), "--json", "--port", "0", "--admin-port", "0", "--data", Data],
            ("AZURE_KEY", Key));
        Answer refused = await server.Api.AskAsync(
            Calls.Messages("claude", key: await Server.Cli.NewKeyAsync(Data, "homebound")));
        Answer served = await server.Api.AskAsync(Calls.Messages("claude", key: await Server.Cli.NewKeyAsync(Data, "acme")));

        Assert.Equal((403, "residency"), (refused.Status, refused.Headers["x-forebay-reason"]));
        Assert.True(served.IsComplete, served.Text);
        Assert.Single(_vertex.Calls);
    }

    [Fact]
    public async Task An_identity_that_is_not_there_is_told_before_anything_starts()
    {
        Ended ended = await ForebayProcess.RunAsync(
            ["serve", "-c", Fleet("google:file/nowhere.json"), "--port", "0", "--admin-port", "0", "--data", Data],
            ("AZURE_KEY", Key));

        Assert.NotEqual(0, ended.Code);
        Assert.Contains("the file of google:file/nowhere.json is not there", ended.Errors + ended.Output);
    }

    private string Fleet(string credential)
    {
        string path = _folder.File("fleet.yaml");
        File.WriteAllText(
            path,
            $$"""
            version: 1
            providers: [{id: google}, {id: microsoft}]
            sites:
              - {id: google-anywhere, provider: google, kind: region, country: US, jurisdiction: us}
              - {id: sweden, provider: microsoft, kind: region, country: SE, jurisdiction: eu}
            pools:
              - {id: vertex-pool, site: google-anywhere, quota: {requests_per_minute: 100} }
              - {id: azure-pool, site: sweden, quota: {requests_per_minute: 100} }
            models:
              - {id: claude, context_tokens: 200000, max_output_tokens: 64000, parameters_billion: 100}
              - {id: gpt, context_tokens: 200000, max_output_tokens: 64000, parameters_billion: 100}
            deployments:
              - id: vertex
                model: claude
                pool: vertex-pool
                api: vertex
                dialects: [anthropic]
                endpoint: {{_vertex.Address}}
                google: {project: my-project, location: global}
                runs_in: [us, eu]
                credential: {{credential}}
                upstream_model: claude-sonnet-4-5@20250929
              - id: azure
                model: gpt
                pool: azure-pool
                api: azure
                dialects: [openai]
                endpoint: {{_azure.Address}}
                azure: {}
                credential: env:AZURE_KEY
                upstream_model: gpt-prod
            tiers: [{id: open}]
            residency_policies: [{id: eu-only, jurisdictions: [eu]}]
            tenants: [{id: acme, tier: open}, {id: homebound, tier: open, residency: eu-only}]
            """);
        return path;
    }
}
