using System.Net;
using Forebay.Core.Access;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Usage;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>Data classes and geographies over real sockets: who asks for what goes where, or nowhere.</summary>
public sealed class PermissionTests
{
    private const string ClassSecret = "fb-class-secret-0123456789";

    private static readonly ApiKey ClassKey =
        GatewayHarness.KeyOf("key_class", "acme", ClassSecret) with { DataClass = "eu-data" };

    [Theory]
    [InlineData("us", "d0")]
    [InlineData("eu", "d1")]
    public async Task A_geography_is_obeyed_by_field_and_by_header(string geo, string deployment)
    {
        await using Fleet fleet = await Fleet.StartAsync();

        for (int i = 0; i < 4; i++)
        {
            using HttpResponseMessage byField = await fleet.Gateway.Client.SendAsync(
                GatewayHarness.Messages(GatewayHarness.MessagesBody(i % 2 == 0, $",\"inference_geo\":\"{geo}\"")));
            using HttpResponseMessage byHeader = await fleet.SendAsync(("x-forebay-inference-geo", geo));

            Assert.All([byField, byHeader], r => Assert.Equal(deployment, Header(r, "x-forebay-deployment")));
        }
    }

    [Theory]
    [InlineData("us", "d0")]
    [InlineData("eu", "d1")]
    public async Task A_geography_in_an_OpenAI_body_is_obeyed_and_cut_out(string geo, string deployment)
    {
        await using Fleet fleet = await Fleet.StartAsync(c => c with
        {
            Deployments = [.. c.Deployments.Select(d => d with { Backing = Backing.Cloud, UpstreamModel = null })],
        });

        for (int i = 0; i < 4; i++)
        {
            using HttpResponseMessage response = await fleet.Gateway.Client.SendAsync(
                GatewayHarness.Chat(GatewayHarness.ChatBody(false, $",\"inference_geo\":\"{geo}\"")));

            Assert.Equal(deployment, Header(response, "x-forebay-deployment"));
        }

        Assert.All(fleet.Bodies, body => Assert.Equal(GatewayHarness.ChatBody(false), body));
    }

    [Fact]
    public async Task A_geography_in_an_OpenAI_body_reaches_a_providers_account_of_the_other_dialect()
    {
        await using Fleet fleet = await Fleet.StartAsync(c => c with
        {
            Deployments =
            [
                .. c.Deployments.Select(d => d with { Dialects = [Dialect.Anthropic], Backing = Backing.Cloud }),
            ],
        });

        using HttpResponseMessage response = await fleet.Gateway.Client.SendAsync(
            GatewayHarness.Chat(GatewayHarness.ChatBody(false, ",\"inference_geo\":\"us\"")));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("d0", Header(response, "x-forebay-deployment"));
        Assert.StartsWith("{\"inference_geo\":\"us\",", Assert.Single(fleet.Bodies), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(",\"inference_geo\":\"mars\"")]
    [InlineData(",\"inference_geo\":7")]
    [InlineData(",\"inference_geo\":\"us\",\"inference_geo\":\"us\"")]
    public async Task A_geography_in_an_OpenAI_body_that_cannot_be_obeyed_is_refused(string field)
    {
        await using Fleet fleet = await Fleet.StartAsync();

        using HttpResponseMessage response = await fleet.Gateway.Client.SendAsync(
            GatewayHarness.Chat(GatewayHarness.ChatBody(false, field)));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("inference_geo", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(0, fleet.Received);
    }

    [Theory]
    [InlineData(",\"inference_geo\":\"mars\"", null, "mars")]
    [InlineData(",\"inference_geo\":\"US\"", null, "US")]
    [InlineData(",\"inference_geo\":\"\"", null, "''")]
    [InlineData(",\"inference_geo\":\"not_available\"", null, "not_available")]
    [InlineData("", "mars", "mars")]
    [InlineData("", "", "''")]
    [InlineData(",\"inference_geo\":\"us\"", "eu", "no place is in both")]
    public async Task A_geography_that_is_not_known_is_refused(string field, string? header, string named)
    {
        await using Fleet fleet = await Fleet.StartAsync();

        HttpRequestMessage request = GatewayHarness.Messages(GatewayHarness.MessagesBody(false, field));
        if (header is not null)
        {
            request.Headers.TryAddWithoutValidation("x-forebay-inference-geo", header);
        }

        using HttpResponseMessage response = await fleet.Gateway.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(named, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(0, fleet.Received);
    }

    [Fact]
    public async Task A_geography_that_stands_twice_is_refused()
    {
        await using Fleet fleet = await Fleet.StartAsync();

        using HttpResponseMessage response = await fleet.Gateway.Client.SendAsync(GatewayHarness.Messages(
            GatewayHarness.MessagesBody(false, ",\"inference_geo\":\"us\",\"inference_geo\":\"eu\"")));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Theory]
    [InlineData(Backing.Cloud, null, "us", ",\"inference_geo\":\"us\"")]
    [InlineData(Backing.Cloud, null, "global", ",\"inference_geo\":\"global\"")]
    [InlineData(Backing.Cloud, "us", "global", ",\"inference_geo\":\"us\"")]
    [InlineData(Backing.Cloud, "none", "us", "")]
    [InlineData(Backing.Real, null, "us", "")]
    public async Task What_an_upstream_is_told_is_what_it_understands(
        Backing backing, string? configured, string asked, string expected)
    {
        await using Fleet fleet = await Fleet.StartAsync(c => c with
        {
            Deployments =
            [
                .. c.Deployments.Select(d => d with
                {
                    Backing = backing, InferenceGeo = configured, UpstreamModel = null,
                }),
            ],
        });

        using HttpResponseMessage response = await fleet.Gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(false, $",\"inference_geo\":\"{asked}\"")));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(GatewayHarness.MessagesBody(false, expected), Assert.Single(fleet.Bodies));
    }

    [Fact]
    public async Task A_geography_asked_by_header_or_by_the_fleet_file_reaches_a_providers_account()
    {
        await using Fleet fleet = await Fleet.StartAsync(c => c with
        {
            Deployments = [.. c.Deployments.Select(d => d with { UpstreamModel = null })],
        });

        using HttpResponseMessage response = await fleet.SendAsync(("x-forebay-inference-geo", "us"));

        Assert.Equal(
            "{\"inference_geo\":\"us\"," + GatewayHarness.MessagesBody(false)[1..], Assert.Single(fleet.Bodies));
    }

    [Fact]
    public async Task A_data_class_narrows_by_default_key_and_header()
    {
        await using Fleet fleet = await Fleet.StartAsync(c => c with
        {
            Tenants = [c.Tenants[0] with { DataClass = "us-data" }, c.Tenants[1]],
        });

        Assert.Equal("d0", await fleet.ServedAtAsync());
        Assert.Equal("d1", await fleet.ServedAtAsync(("x-forebay-data-class", "eu-data")));
        Assert.Equal("d1", await fleet.ServedAtAsync(("x-api-key", ClassSecret)));
        Assert.Equal("d1", await fleet.ServedAtAsync(("x-api-key", ClassSecret), ("x-forebay-data-class", "any")));
    }

    [Theory]
    [InlineData("x-forebay-data-class", "us-data")]
    [InlineData("x-forebay-inference-geo", "us")]
    public async Task Nothing_a_request_says_leads_out_of_its_keys_class(string header, string value)
    {
        await using Fleet fleet = await Fleet.StartAsync();

        using HttpResponseMessage response = await fleet.SendAsync(("x-api-key", ClassSecret), (header, value));

        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Equal("residency", Header(response, "x-forebay-reason"));
        string said = await response.Content.ReadAsStringAsync();
        Assert.All((string[])["'default'", "'eu-data'", $"'{value}'"], part => Assert.Contains(part, said));
        Assert.Equal(0, fleet.Received);
    }

    [Theory]
    [InlineData("x-forebay-data-class", "any")]
    [InlineData("x-forebay-inference-geo", "global")]
    public async Task Nothing_a_request_says_leads_out_of_its_tenants_policy(string header, string value)
    {
        await using Fleet fleet = await Fleet.StartAsync();

        for (int i = 0; i < 2; i++)
        {
            Assert.Equal("d1", await fleet.ServedAtAsync(("x-api-key", GatewayHarness.OtherSecret), (header, value)));
        }
    }

    [Theory]
    [InlineData("nope")]
    [InlineData("")]
    [InlineData("EU-DATA")]
    public async Task A_data_class_that_is_not_known_is_refused(string name)
    {
        await using Fleet fleet = await Fleet.StartAsync();

        using HttpResponseMessage response = await fleet.SendAsync(("x-forebay-data-class", name));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("known are us-data, eu-data, any", await response.Content.ReadAsStringAsync());
        Assert.Equal(0, fleet.Received);
    }

    [Fact]
    public async Task A_key_whose_class_a_reload_took_away_may_do_nothing()
    {
        await using Fleet fleet = await Fleet.StartAsync();
        fleet.Gateway.Reload(fleet.Gateway.State.Model.Config with { DataClasses = [] });

        using HttpResponseMessage response = await fleet.SendAsync(("x-api-key", ClassSecret));

        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Equal("not_permitted", Header(response, "x-forebay-reason"));
        Assert.Equal(0, fleet.Received);
    }

    [Fact]
    public async Task The_record_says_where_and_by_what_rules()
    {
        await using Fleet fleet = await Fleet.StartAsync();

        Assert.Equal("d1", await fleet.ServedAtAsync(("x-api-key", ClassSecret), ("x-forebay-data-class", "any")));

        UsageRecord usage = Assert.Single(fleet.Gateway.Journal.Settled);
        Assert.True(usage.PlaceKnown);
        Assert.Equal(("s1", "eu", "DE"), (usage.Place.Site, usage.Place.Jurisdiction, usage.Place.Country));
        Assert.All(
            (string[])["\"from\":\"tenant\"", "\"name\":\"eu-data\"", "\"name\":\"any\"", "\"export_version\":0"],
            part => Assert.Contains(part, usage.Place.Context!.Content, StringComparison.Ordinal));
    }

    private static string Header(HttpResponseMessage response, string name) => response.Headers.GetValues(name).Single();

    /// <summary>d0 in the US, d1 in the EU, and classes for each.</summary>
    private sealed class Fleet : IAsyncDisposable
    {
        private readonly List<ScriptedUpstream> _upstreams = [];

        public GatewayHarness Gateway { get; private set; } = null!;

        public int Received => _upstreams.Sum(u => u.Requests.Count);

        public IEnumerable<string> Bodies => _upstreams.SelectMany(u => u.Requests).Select(r => r.Text);

        public static async Task<Fleet> StartAsync(Func<FleetConfig, FleetConfig>? change = null)
        {
            var fleet = new Fleet();
            for (int i = 0; i < 2; i++)
            {
                fleet._upstreams.Add(await ScriptedUpstream.StartAsync((http, request) =>
                    request.Text.Contains("\"stream\":true", StringComparison.Ordinal)
                        ? ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream)
                        : ScriptedUpstream.JsonAsync(
                            http,
                            200,
                            request.Path.EndsWith("/chat/completions", StringComparison.Ordinal)
                                ? Answers.OpenAiCompletion
                                : Answers.AnthropicMessage)));
            }

            fleet.Gateway = await GatewayHarness.StartAsync(
                [.. fleet._upstreams.Select(u => u.Address)],
                c =>
                {
                    FleetConfig with = c with
                    {
                        ResidencyPolicies =
                        [
                            .. c.ResidencyPolicies,
                            new ResidencyPolicyConfig { Id = "us-only", Jurisdictions = ["us"] },
                            new ResidencyPolicyConfig { Id = "anywhere", Jurisdictions = ["*"] },
                        ],
                        DataClasses =
                        [
                            new DataClassConfig { Id = "us-data", Residency = "us-only" },
                            new DataClassConfig { Id = "eu-data", Residency = "eu-only" },
                            new DataClassConfig { Id = "any", Residency = "anywhere" },
                        ],
                    };
                    return change?.Invoke(with) ?? with;
                },
                ClassKey);
            return fleet;
        }

        public Task<HttpResponseMessage> SendAsync(params (string Name, string Value)[] headers)
        {
            HttpRequestMessage request = GatewayHarness.Messages(GatewayHarness.MessagesBody(false));
            foreach ((string name, string value) in headers)
            {
                request.Headers.Remove(name);
                request.Headers.TryAddWithoutValidation(name, value);
            }

            return Gateway.Client.SendAsync(request);
        }

        public async Task<string> ServedAtAsync(params (string Name, string Value)[] headers)
        {
            using HttpResponseMessage response = await SendAsync(headers);
            Assert.True(response.StatusCode == HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
            return Header(response, "x-forebay-deployment");
        }

        public async ValueTask DisposeAsync()
        {
            await Gateway.DisposeAsync();
            foreach (ScriptedUpstream upstream in _upstreams)
            {
                await upstream.DisposeAsync();
            }
        }
    }
}
