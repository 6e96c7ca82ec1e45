using System.Text.RegularExpressions;
using Forebay.TestKit;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary><c>--upstream</c>: the user's own capacity in the pool, without a token spent unasked.</summary>
public sealed partial class OwnUpstreamTests : IDisposable
{
    private const string AnthropicModels =
        """{"data":[{"type":"model","id":"claude-test","display_name":"Test","created_at":"2026-01-01T00:00:00Z","max_input_tokens":200000,"max_tokens":64000}],"has_more":false,"first_id":"claude-test","last_id":"claude-test"}""";

    private const string OpenAiModels =
        """{"object":"list","data":[{"id":"local-model","object":"model","created":1,"owned_by":"me","max_model_len":32768,"max_tokens":null}]}""";

    private readonly TemporaryFolder _folder = new();

    private string Data => _folder.File("data");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_server_by_its_address_joins_the_pool_as_real()
    {
        await using ForebayProcess engine = ForebayProcess.Launch(
            ["engine", "--port", "0", "--model", "own/model:70b", "--time-scale", "1000"]);
        string address = AddressPattern().Match((await engine.FirstLineAsync())!).Value;

        await using ForebayProcess server = await ForebayProcess.UpAsync(Data, "--upstream", address + "/v1");

        Assert.Contains(
            "own/model:70b", await server.Api.GetStringAsync("/v1/models"), StringComparison.Ordinal);
        Answer[] answers =
        [
            await server.Api.AskAsync(Calls.Chat("own/model:70b", stream: true)),
            await server.Api.AskAsync(Calls.Messages("own/model:70b")),
        ];
        Assert.All(answers, a => Assert.True(a.IsComplete, a.Text));
        Assert.All(answers, a => Assert.Equal("real", a.Headers["x-forebay-backing"]));
        Assert.Contains(
            "8 deployments: 1 real, 7 emulated, 0 cloud", await Cli.OkAsync(Data, "status"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_is_asked_for_its_models_and_probed_once_and_then_left_alone()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, request) =>
            request.Method == "GET" ? ScriptedUpstream.JsonAsync(http, 200, OpenAiModels)
                : request.Path == "/v1/messages" ? ScriptedUpstream.JsonAsync(http, 404, "{}")
                : ScriptedUpstream.JsonAsync(http, 200, Answers.OpenAiCompletion));

        await using ForebayProcess server = await ForebayProcess.StartAsync(
            Up(upstream.Address.ToString()), ("FOREBAY_UPSTREAM_KEY", "own-key"));

        // How an engine is, it is asked now and then, for which no model runs.
        IReadOnlyList<ReceivedRequest> Asked() =>
            [.. upstream.Requests.Where(r => r.Path is not ("/health" or "/metrics"))];
        Assert.Equal(
            [("GET", "/v1/models", ""), ("POST", "/v1/messages", "{}")],
            Asked().Select(r => (r.Method, r.Path, r.Text)));
        Answer answer = await server.Api.AskAsync(Calls.Chat("local-model"));
        Assert.True(answer.IsComplete, answer.Text);
        Assert.Equal(3, Asked().Count);
        Answer translated = await server.Api.AskAsync(Calls.Messages("local-model"));
        Assert.True(translated.IsComplete, translated.Text);
        Assert.Equal("/v1/chat/completions", Asked()[^1].Path);
        Assert.All(upstream.Requests, r => Assert.Equal("Bearer own-key", r.Headers["Authorization"]));
    }

    [Fact]
    public async Task A_vendors_account_joins_as_cloud_and_spends_only_what_clients_ask()
    {
        await using ScriptedUpstream vendor = await ScriptedUpstream.StartAsync((http, request) =>
            ScriptedUpstream.JsonAsync(
                http, 200, request.Method == "GET" ? AnthropicModels : Answers.AnthropicMessage));

        await using ForebayProcess server = await ForebayProcess.StartAsync(
            Up("anthropic"),
            ("ANTHROPIC_BASE_URL", vendor.Address.ToString()),
            ("ANTHROPIC_API_KEY", "sk-own-account"));

        ReceivedRequest listed = Assert.Single(vendor.Requests);
        Assert.Equal(
            ("GET", "/v1/models", "sk-own-account"), (listed.Method, listed.Path, listed.Headers["x-api-key"]));
        Answer answer = await server.Api.AskAsync(Calls.Messages("claude-test"));
        Assert.True(answer.IsComplete, answer.Text);
        Assert.Equal("cloud", answer.Headers["x-forebay-backing"]);
        ReceivedRequest asked = vendor.Requests[1];
        Assert.Equal(("POST", "sk-own-account"), (asked.Method, asked.Headers["x-api-key"]));
        Assert.False(asked.Headers.ContainsKey("Authorization"));
        Assert.DoesNotContain("sk-own-account", server.Errors + server.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_fleet_that_has_a_provider_of_the_same_name_takes_it_in_beside()
    {
        await using ScriptedUpstream vendor = await ScriptedUpstream.StartAsync((http, _) =>
            ScriptedUpstream.JsonAsync(http, 200, AnthropicModels));
        string file = new TestFleet(new TestDeployment("anthropic", "m", vendor.Address))
        {
            Tenants = ["demo"],
        }.Write(_folder.File("forebay.yaml"));

        await using ForebayProcess server = await ForebayProcess.StartAsync(
            Up("anthropic", "-c", file),
            ("ANTHROPIC_BASE_URL", vendor.Address.ToString()),
            ("ANTHROPIC_API_KEY", "sk-own-account"));

        Assert.Contains("2 providers", await Cli.OkAsync(Data, "status"), StringComparison.Ordinal);
        Assert.Contains("claude-test", await server.Api.GetStringAsync("/v1/models"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("anthropic", "set ANTHROPIC_API_KEY in the environment")]
    [InlineData("openai", "set OPENAI_API_KEY in the environment")]
    [InlineData("http://127.0.0.1:1", "http://127.0.0.1:1/ cannot be reached")]
    [InlineData("ftp://127.0.0.1", "is neither a URL")]
    [InlineData("claude", "is neither a URL")]
    public async Task What_cannot_be_used_is_said_plainly(string upstream, string expected) =>
        Assert.Contains(expected, await RefusedAsync(upstream), StringComparison.Ordinal);

    [Theory]
    [InlineData(401, "{}", "answered 401 when asked for its models")]
    [InlineData(200, "<html>", "something that is no list of models")]
    [InlineData(200, """{"data":[{"name":"x"}]}""", "something that is no list of models")]
    [InlineData(200, """{"data":[{"id":7}]}""", "something that is no list of models")]
    [InlineData(200, """{"data":[{"id":null}]}""", "something that is no list of models")]
    [InlineData(200, """{"data":[]}""", "serves no model")]
    [InlineData(0, """{"data":[{"id":"x"}]}""", "cannot be reached")]
    public async Task A_server_that_answers_nonsense_is_told_from_one_that_serves(
        int status, string body, string expected)
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, request) =>
        {
            if (status == 0 && request.Method == "POST")
            {
                http.Abort();
                return Task.CompletedTask;
            }

            return ScriptedUpstream.JsonAsync(http, status == 0 ? 200 : status, body);
        });

        string error = await RefusedAsync(upstream.Address.ToString());

        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_base_url_that_is_none_is_named()
    {
        Ended ended = await ForebayProcess.RunAsync(
            Up("anthropic"), ("ANTHROPIC_BASE_URL", "not a url"), ("ANTHROPIC_API_KEY", "sk-own-account"));

        Assert.Equal(1, ended.Code);
        Assert.Contains("ANTHROPIC_BASE_URL", ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Errors, StringComparison.Ordinal);
    }

    private string[] Up(string upstream, params string[] more) =>
    [
        "up", "--json", "--port", "0", "--admin-port", "0", "--data", Data, "--time-scale", "1000",
        "--upstream", upstream, .. more,
    ];

    private async Task<string> RefusedAsync(string upstream)
    {
        Ended ended = await ForebayProcess.RunAsync(Up(upstream));
        Assert.True(ended.Code == 1, $"{ended.Code}: {ended.Errors}");
        Assert.DoesNotContain("   at ", ended.Errors, StringComparison.Ordinal);
        return ended.Errors;
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+")]
    private static partial Regex AddressPattern();
}
