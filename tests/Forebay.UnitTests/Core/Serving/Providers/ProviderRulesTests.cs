using System.Collections.Frozen;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Providers;
using Forebay.TestKit.Fleets;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Providers;

public sealed class ProviderRulesTests
{
    private static readonly DeploymentConfig Vertex = new()
    {
        Id = "v",
        Model = "deep",
        Pool = "dallas-api",
        Api = ProviderApi.Vertex,
        Dialects = [Dialect.Anthropic],
        Google = new GoogleConfig { Project = "my-project", Location = "us-east5" },
        Credential = "google:adc",
    };

    private static readonly DeploymentConfig Azure = new()
    {
        Id = "a",
        Model = "deep",
        Pool = "dallas-api",
        Api = ProviderApi.Azure,
        Azure = new AzureConfig { Resource = "contoso" },
        Credential = "env:AZURE_KEY",
    };

    private static readonly EntraConfig Client = new() { Tenant = "contoso.example", Client = "app" };

    [Fact]
    public void What_is_whole_has_no_problem()
    {
        Assert.Empty(Problems(Vertex, Azure));
        Assert.Empty(Problems(
            Azure with { Azure = new AzureConfig { Resource = "contoso", Entra = Client } },
            Azure with
            {
                Id = "b", Credential = null, Azure = new AzureConfig { Resource = "contoso", Entra = new EntraConfig() },
            }));
    }

    public static TheoryData<string, string> Wrong => new()
    {
        { "no google", "google: api is vertex, but google is not given" },
        { "google at azure", "google: google is given, but api is azure" },
        { "openai at vertex", "dialects: " },
        { "a key at vertex", "credential: api vertex is called with tokens of a Google identity" },
        { "google's identity elsewhere", "credential: credential is a Google identity, but api is azure" },
        { "no resource", "azure.resource: api is azure, but neither azure.resource nor endpoint is given" },
        { "no key", "credential: api azure is called with a key or a token" },
        { "a path", "endpoint: the URL ends with /anthropic" },
        { "two proofs", "azure.entra: credential and token_file are given" },
        { "no proof", "azure.entra: nothing proves the client" },
        { "no client", "azure.entra.client: tenant is given without client" },
        { "a secret without tenant", "azure.entra.tenant: credential prove a client" },
        { "a version of anthropic", "azure.api_version: api_version is given" },
        { "global", "runs_in: location global runs requests in more than one region" },
        { "nowhere", "runs_in: the list is empty" },
        { "not at home", "runs_in: runs_in leaves out us" },
        { "a geography", "inference_geo: api vertex has no inference_geo" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void What_is_wrong_is_told_at_its_key(string which, string problem)
    {
        DeploymentConfig deployment = which switch
        {
            "no google" => Vertex with { Google = null },
            "google at azure" => Azure with { Google = Vertex.Google },
            "openai at vertex" => Vertex with { Dialects = [Dialect.OpenAi] },
            "a key at vertex" => Vertex with { Credential = "env:KEY" },
            "google's identity elsewhere" => Azure with { Credential = "google:file//etc/key.json" },
            "no resource" => Azure with { Azure = null },
            "no key" => Azure with { Credential = null },
            "a path" => Azure with { Endpoint = new Uri("https://contoso.services.ai.azure.com/anthropic") },
            "two proofs" => Entra(Client with { TokenFile = "/var/token" }),
            "no proof" => Entra(Client) with { Credential = null },
            "no client" => Entra(Client with { Client = null }),
            "a secret without tenant" => Entra(new EntraConfig()),
            "a version of anthropic" => Azure with
            {
                Dialects = [Dialect.Anthropic],
                Azure = new AzureConfig { Resource = "contoso", ApiVersion = "2025-04-01-preview" },
            },
            "global" => Vertex with { Google = Vertex.Google! with { Location = "global" } },
            "nowhere" => Vertex with { RunsIn = [] },
            "not at home" => Vertex with { RunsIn = ["eu"] },
            _ => Vertex with { InferenceGeo = "us" },
        };

        Assert.Contains(Problems(deployment), p => p.StartsWith(problem, StringComparison.Ordinal));
    }

    [Fact]
    public void Everything_is_told_at_once()
    {
        string[] problems = Problems(Vertex with { Google = null, Credential = "env:KEY", RunsIn = ["eu"], InferenceGeo = "us" });

        Assert.Equal(["credential", "google", "inference_geo", "runs_in"], problems.Select(p => p.Split(':')[0]).Order());
    }

    [Theory]
    [InlineData("us-east5", "https://us-east5-aiplatform.googleapis.com/", false)]
    [InlineData("global", "https://aiplatform.googleapis.com/", true)]
    [InlineData("eu", "https://aiplatform.eu.rep.googleapis.com/", true)]
    [InlineData("us", "https://aiplatform.us.rep.googleapis.com/", true)]
    public void The_endpoint_follows_from_the_location(string location, string endpoint, bool multi)
    {
        var google = new GoogleConfig { Project = "p", Location = location };
        Assert.Equal(endpoint, ProviderEndpoint.Of(Vertex with { Google = google })!.AbsoluteUri);
        Assert.Equal(multi, google.IsMultiRegion);
    }

    [Fact]
    public void A_deployment_whose_endpoint_follows_is_served_as_a_providers_and_a_given_endpoint_goes_before()
    {
        FleetModel model = FleetModel.Build(
            SmallFleet.Config with { Deployments = [Vertex, Azure] }, FrozenDictionary<string, Uri>.Empty);

        Assert.All(model.Deployments, d => Assert.Equal((true, Backing.Cloud), (d.IsServed, d.Backing)));
        Assert.Equal("https://contoso.services.ai.azure.com/", model.Deployments[1].Endpoint!.AbsoluteUri);
        Assert.Equal(
            "http://127.0.0.1:9/",
            ProviderEndpoint.Of(Vertex with { Endpoint = new Uri("http://127.0.0.1:9") })!.AbsoluteUri);
        Assert.NotEqual(
            model.Deployments[0].Account,
            FleetModel.Build(
                SmallFleet.Config with
                {
                    Deployments = [Vertex with { Google = Vertex.Google! with { Project = "other" } }],
                },
                FrozenDictionary<string, Uri>.Empty).Deployments[0].Account);
    }

    private static DeploymentConfig Entra(EntraConfig entra) =>
        Azure with { Azure = new AzureConfig { Resource = "contoso", Entra = entra } };

    private static string[] Problems(params DeploymentConfig[] deployments) =>
    [
        .. FleetValidator.Validate(
            SmallFleet.Config with { Deployments = deployments }, FrozenSet.Create("H100-SXM"))
            .Where(p => p.Path.StartsWith("deployments[", StringComparison.Ordinal))
            .Select(p => $"{p.Path[(p.Path.IndexOf('.') + 1)..]}: {p.Message}"),
    ];
}
