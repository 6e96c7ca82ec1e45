using System.ClientModel;
using System.Net;
using System.Text.Json.Nodes;
using Forebay.Core.Serving;
using Forebay.FunctionalTests.Clients;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;
using OpenAI.Responses;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>Responses that an account stores: gone on from, read, listed, cancelled and deleted there and nowhere else.
/// </summary>
public sealed class StoredResponseTests : IAsyncLifetime
{
    private readonly List<ScriptedUpstream> _upstreams = [];

    private GatewayHarness _gateway = null!;

    /// <summary>Two accounts that issue ids of their own and keep what they issued.</summary>
    public async ValueTask InitializeAsync()
    {
        for (int i = 0; i < 2; i++)
        {
            int account = i;
            _upstreams.Add(await ScriptedUpstream.StartAsync((http, received) => AnswerAsync(http, received, account)));
        }

        _gateway = await GatewayHarness.StartAsync(
            [.. _upstreams.Select(u => u.Address)],
            config => ResponsesClientTests.Speaking(Dialect.Responses)(config) with
            {
                Tenants = [.. config.Tenants.Select(t => t with { Residency = null })],
            });
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        foreach (ScriptedUpstream upstream in _upstreams)
        {
            await upstream.DisposeAsync();
        }
    }

    private static Task AnswerAsync(HttpContext http, ReceivedRequest received, int account)
    {
        string id = $"resp_of_{account}";
        string item = $$"""{"id":"msg_of_{{account}}","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"Hi"}]}""";
        string response = Answers.ResponseObject("completed", item, "null", id);
        return (received.Method, received.Path) switch
        {
            ("POST", "/v1/responses") => ScriptedUpstream.JsonAsync(http, 200, response),
            ("GET", var path) when path == $"/v1/responses/{id}" => ScriptedUpstream.JsonAsync(http, 200, response),
            ("GET", var path) when path == $"/v1/responses/{id}/input_items" => ScriptedUpstream.JsonAsync(
                http, 200, """{"object":"list","data":[],"first_id":"","last_id":"","has_more":false}"""),
            ("DELETE", _) => ScriptedUpstream.JsonAsync(
                http, 200, $$"""{"id":"{{id}}","object":"response.deleted","deleted":true}"""),
            ("POST", _) => ScriptedUpstream.JsonAsync(
                http, 400, """{"error":{"message":"Only background responses can be cancelled.","type":"invalid_request_error","param":null,"code":null}}"""),
            _ => ScriptedUpstream.JsonAsync(http, 404, """{"error":{"message":"no"}}"""),
        };
    }

    private async Task<ResponseResult> CreateAsync(string? previous = null, string? reference = null)
    {
        ResponseItem user = ResponseItem.CreateUserMessageItem("Hi");
        var options = new CreateResponseOptions(
            GatewayHarness.Model, reference is null ? [user] : [ResponseItem.CreateReferenceItem(reference), user])
        {
            PreviousResponseId = previous,
        };
        return await ResponsesClientTests.ClientOf(_gateway).CreateResponseAsync(options);
    }

    private int AccountOf(string id) => id[^1] - '0';

    [Fact]
    public async Task A_conversation_goes_on_at_the_account_that_holds_it()
    {
        string id = (await CreateAsync()).Id;
        int account = AccountOf(id);
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(id, (await CreateAsync(previous: id)).Id);
            Assert.Equal(id, (await CreateAsync(reference: $"msg_of_{account}")).Id);
        }

        Assert.Empty(_upstreams[1 - account].Requests);
        Assert.All(
            _upstreams[account].Requests.Where((_, i) => i % 2 == 1),
            r => Assert.Equal(id, JsonNode.Parse(r.Text)!["previous_response_id"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData("resp_unknown", null)]
    [InlineData(null, "msg_unknown")]
    public async Task What_nobody_is_known_to_hold_is_refused_with_what_to_do(string? previous, string? reference)
    {
        ClientResultException refused = await Assert.ThrowsAsync<ClientResultException>(
            () => CreateAsync(previous, reference));

        Assert.Equal(400, refused.Status);
        Assert.Contains("Send the whole input", refused.Message, StringComparison.Ordinal);
        Assert.All(_upstreams, u => Assert.Empty(u.Requests));
    }

    /// <summary>An account is shared by tenants, its stored conversations are not.</summary>
    [Fact]
    public async Task Another_tenant_neither_goes_on_with_it_nor_reads_it()
    {
        string id = (await CreateAsync()).Id;
        int before = _upstreams.Sum(u => u.Requests.Count);

        using HttpResponseMessage goOn = await _gateway.Client.SendAsync(ResponsesClientTests.Raw(
            $$"""{"model":"{{GatewayHarness.Model}}","input":"Hi","previous_response_id":"{{id}}"}""",
            GatewayHarness.OtherSecret));
        using HttpRequestMessage get = new(HttpMethod.Get, "/v1/responses/" + id);
        get.Headers.Add("Authorization", "Bearer " + GatewayHarness.OtherSecret);
        using HttpResponseMessage read = await _gateway.Client.SendAsync(get);

        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.NotFound), (goOn.StatusCode, read.StatusCode));
        Assert.Equal(before, _upstreams.Sum(u => u.Requests.Count));
    }

    [Fact]
    public async Task A_stored_response_is_read_listed_cancelled_and_deleted_at_its_account_for_free()
    {
        string id = (await CreateAsync()).Id;
        ResponsesClient client = ResponsesClientTests.ClientOf(_gateway);

        ResponseResult read = await client.GetResponseAsync(id);
        List<ResponseItem> items = [];
        await foreach (ResponseItem item in client.GetResponseInputItemsAsync(id))
        {
            items.Add(item);
        }

        ClientResultException cancelled = await Assert.ThrowsAsync<ClientResultException>(
            () => client.CancelResponseAsync(id));
        ResponseDeletionResult deleted = await client.DeleteResponseAsync(id);

        Assert.Equal((id, "Hi", true), (read.Id, read.GetOutputText(), deleted.Deleted));
        Assert.Empty(items);
        Assert.Contains("Only background responses", cancelled.Message, StringComparison.Ordinal);
        Assert.All(
            _upstreams[AccountOf(id)].Requests,
            r => Assert.Equal("Bearer secret-of-env:UPSTREAM_KEY", r.Headers["Authorization"]));
        Assert.Single(_gateway.Journal.Settled);
    }

    [Fact]
    public async Task What_is_not_there_is_told_in_the_vendors_words()
    {
        ClientResultException missing = await Assert.ThrowsAsync<ClientResultException>(
            () => ResponsesClientTests.ClientOf(_gateway).GetResponseAsync("resp_x"));

        Assert.Equal(404, missing.Status);
        Assert.Contains("Response with id 'resp_x' not found.", missing.Message, StringComparison.Ordinal);
        using HttpRequestMessage odd = new(HttpMethod.Get, "/v1/responses/a/b/c");
        odd.Headers.Add("Authorization", "Bearer " + GatewayHarness.Secret);
        using HttpResponseMessage response = await _gateway.Client.SendAsync(odd);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    /// <summary>Only what may be read is passed on: a query can hold the client's own credential.</summary>
    [Fact]
    public async Task Queries_that_are_not_known_stay_behind()
    {
        string id = (await CreateAsync()).Id;
        using HttpRequestMessage get = new(HttpMethod.Get, $"/v1/responses/{id}/input_items?limit=2&api_key=x&order=asc");
        get.Headers.Add("Authorization", "Bearer " + GatewayHarness.Secret);
        using HttpResponseMessage response = await _gateway.Client.SendAsync(get);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("?limit=2&order=asc", _upstreams[AccountOf(id)].Requests[^1].Query);
    }
}
