using System.Net;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Continuation;

/// <summary>Conversations that carry what one account issued go to that account, or get a precise error.</summary>
public sealed class PinnedTests : IAsyncLifetime
{
    private const string Signature = "EqQBCgIYAhIM+abc/def==";

    private ScriptedUpstream _first = null!;
    private ScriptedUpstream _second = null!;
    private FleetConfig _config = null!;
    private GatewayHarness _gateway = null!;

    private static IEnumerable<string> Thoughtful => Answers.AnthropicStream.Take(1)
        .Append(Answers.Named("content_block_start", """{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"""))
        .Append(Answers.Named("content_block_delta", """{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}}"""))
        .Append(Answers.Named("content_block_delta", $$$"""{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"{{{Signature}}}"}}"""))
        .Append(Answers.Named("content_block_stop", """{"type":"content_block_stop","index":0}"""))
        .Append(Answers.Named("content_block_start", """{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"c2VhbGVk"}}"""))
        .Append(Answers.Named("content_block_stop", """{"type":"content_block_stop","index":1}"""))
        .Concat(Answers.AnthropicStream.Skip(6));

    private static string WholeThoughtful => Answers.AnthropicMessage.Replace(
        "\"content\":[", $$"""
        "container":{"id":"container_7","expires_at":"2026-11-23T00:00:00Z"},
        "content":[{"type":"thinking","thinking":"Hm","signature":"{{Signature}}"},
        """, StringComparison.Ordinal);

    public async ValueTask InitializeAsync()
    {
        _first = await StartAsync();
        _second = await StartAsync();
        _gateway = await GatewayHarness.StartAsync([_first.Address, _second.Address], c => _config = c);
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _first.DisposeAsync();
        await _second.DisposeAsync();
    }

    [Theory]
    [InlineData(true, """{"type":"thinking","thinking":"Hm","signature":"EqQBCgIYAhIM+abc/def=="}""")]
    [InlineData(true, """{"type":"thinking","thinking":"Hm","signature":"EqQBCgIYAhIM\u002Babc\/def=="}""")]
    [InlineData(true, """{"type":"redacted_thinking","data":"c2VhbGVk"}""")]
    [InlineData(false, """{"type":"thinking","thinking":"Hm","signature":"EqQBCgIYAhIM+abc/def=="}""")]
    public async Task A_conversation_comes_back_to_the_account_that_signed_it(bool stream, string block)
    {
        await AskAsync(Plain(stream), _second);

        for (int i = 0; i < 6; i++)
        {
            using HttpResponseMessage response = await SendAsync(With(block));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal("d1", response.Headers.GetValues("x-forebay-deployment").Single());
        }

        Assert.Empty(_first.Requests);
    }

    [Fact]
    public async Task A_container_comes_back_to_the_account_that_holds_it()
    {
        await AskAsync(Plain(stream: false), _second);

        foreach (string container in (string[])["\"container_7\"", "{\"id\":\"container_7\"}"])
        {
            using HttpResponseMessage response = await SendAsync(
                GatewayHarness.MessagesBody(false, $",\"container\":{container}"));
            Assert.Equal("d1", response.Headers.GetValues("x-forebay-deployment").Single());
        }
    }

    [Theory]
    [InlineData("""{"type":"thinking","thinking":"Hm","signature":"of-somebody-else"}""", "thinking and redacted_thinking")]
    [InlineData("""{"type":"container_upload","file_id":"file_1"}""", "upload it again")]
    public async Task What_nobody_here_issued_is_refused_where_several_accounts_serve(string block, string fix)
    {
        using HttpResponseMessage response = await SendAsync(With(block));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("pinned", response.Headers.GetValues("x-forebay-reason").Single());
        Assert.Equal("false", response.Headers.GetValues("x-should-retry").Single());
        Assert.Contains(fix, await response.Content.ReadAsStringAsync());
        Assert.Empty(_first.Requests);
        Assert.Empty(_second.Requests);
    }

    [Fact]
    public async Task What_nobody_here_issued_goes_to_the_only_account_there_is()
    {
        Assert.Empty(_gateway.Reload(_config with { Deployments = [_config.Deployments[0]] }));

        using HttpResponseMessage response = await SendAsync(With(Signed("of-somebody-else")));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Another_tenant_does_not_learn_who_signed()
    {
        await AskAsync(Plain(stream: true), _second);

        // Tenant globex is served in the EU alone, which is the same one account; as one of two it is unknown.
        Assert.Empty(_gateway.Reload(_config with
        {
            Tenants = [.. _config.Tenants.Select(t => t with { Residency = null })],
        }));
        using HttpResponseMessage response = await SendAsync(With(Signed(Signature)), GatewayHarness.OtherSecret);

        Assert.Equal("pinned", response.Headers.GetValues("x-forebay-reason").Single());
    }

    [Fact]
    public async Task A_pin_survives_a_reload_and_ends_with_its_account()
    {
        await AskAsync(Plain(stream: true), _second);
        // Its place in the list is another one now, and so is its id.
        DeploymentConfig renamed = _config.Deployments[1] with { Id = "moved" };
        Assert.Empty(_gateway.Reload(_config with { Deployments = [renamed, _config.Deployments[0]] }));

        using HttpResponseMessage moved = await SendAsync(With(Signed(Signature)));
        Assert.Equal("moved", moved.Headers.GetValues("x-forebay-deployment").Single());

        Assert.Empty(_gateway.Reload(_config with { Deployments = [_config.Deployments[0]] }));
        using HttpResponseMessage gone = await SendAsync(With(Signed(Signature)));
        Assert.Equal("pinned", gone.Headers.GetValues("x-forebay-reason").Single());
        Assert.Contains("does not serve", await gone.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Reasoning_that_nobody_signed_goes_to_engines_alone()
    {
        string body = With(Signed(""));
        using HttpResponseMessage refused = await SendAsync(body);
        Assert.Equal("pinned", refused.Headers.GetValues("x-forebay-reason").Single());

        Assert.Empty(_gateway.Reload(_config with
        {
            Deployments = [_config.Deployments[0], _config.Deployments[1] with { Backing = Backing.Real }],
        }));
        using HttpResponseMessage served = await SendAsync(body);
        Assert.Equal("d1", served.Headers.GetValues("x-forebay-deployment").Single());
    }

    private static Task<ScriptedUpstream> StartAsync() => ScriptedUpstream.StartAsync((http, r) =>
        r.Text.Contains("\"stream\":true", StringComparison.Ordinal)
            ? ScriptedUpstream.StreamAsync(http, Thoughtful)
            : ScriptedUpstream.JsonAsync(http, 200, WholeThoughtful));

    private static string Signed(string signature) =>
        $$"""{"type":"thinking","thinking":"Hm","signature":"{{signature}}"}""";

    private static string Plain(bool stream) => GatewayHarness.MessagesBody(stream);

    private static string With(string block) =>
        $$"""
        {"model":"{{GatewayHarness.Model}}","max_tokens":64,"messages":[{"role":"user","content":"Hi"},
          {"role":"assistant","content":[{{block}},{"type":"text","text":"Hello"}]},{"role":"user","content":"Go on"}]}
        """;

    /// <summary>Has one of the two answer, the other one's places being taken.</summary>
    private async Task AskAsync(string body, ScriptedUpstream by)
    {
        DeploymentState other = _gateway.State.Of(_gateway.State.Model.Deployments[by == _second ? 0 : 1]);
        while (other.TryEnter(256))
        {
        }

        using HttpResponseMessage response = await SendAsync(body);
        Assert.Contains("Hm", await response.Content.ReadAsStringAsync());
        Assert.Single(by.Requests);
        while (other.InFlight > 0)
        {
            other.Leave();
        }
    }

    private Task<HttpResponseMessage> SendAsync(string body, string secret = GatewayHarness.Secret) =>
        _gateway.Client.SendAsync(GatewayHarness.Messages(body, secret));
}
