using System.Net;
using Forebay.Core.Serving;
using Forebay.Gateway.Providers.Direct;
using Forebay.Gateway.Upstreams;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Forebay.UnitTests.Gateway.Upstreams;

public sealed class HeaderPolicyTests
{
    private static HttpRequestMessage Copy(
        HeaderDictionary headers,
        Dialect dialect = Dialect.Anthropic,
        Backing backing = Backing.Cloud,
        string? secret = null)
    {
        var to = new HttpRequestMessage(HttpMethod.Post, "http://upstream/") { Content = new ByteArrayContent([]) };
        HeaderPolicy.CopyRequest(headers, to);
        var identity = new UpstreamIdentity(
            ProviderApi.Direct, backing, new Uri("http://upstream/"), "m", null, null, "", null, 1);
        Assert.True(new DirectAdapter(identity, secret).AuthorizeAsync(to, dialect, default).AsTask().IsCompletedSuccessfully);
        return to;
    }

    private static HeaderDictionary CopyBack(params (string Name, string Value)[] headers)
    {
        using var from = new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent([]) };
        foreach ((string name, string value) in headers)
        {
            Assert.True(
                from.Headers.TryAddWithoutValidation(name, value)
                || from.Content.Headers.TryAddWithoutValidation(name, value));
        }

        var to = new HeaderDictionary();
        HeaderPolicy.CopyResponse(from, to, translated: false);
        return to;
    }

    [Theory]
    [InlineData("Connection", "keep-alive")]
    [InlineData("keep-alive", "timeout=5")]
    [InlineData("TE", "trailers")]
    [InlineData("Upgrade", "h2c")]
    [InlineData("Host", "gateway")]
    [InlineData("Expect", "100-continue")]
    [InlineData("Accept-Encoding", "gzip")]
    [InlineData("content-encoding", "gzip")]
    [InlineData("X-Forwarded-For", "10.0.0.1")]
    [InlineData("AUTHORIZATION", "Bearer client")]
    [InlineData("x-api-key", "client")]
    [InlineData("api-key", "client")]
    [InlineData("x-goog-api-key", "client")]
    [InlineData("Cookie", "a=b")]
    [InlineData("anthropic-workspace-id", "w")]
    [InlineData("openai-organization", "o")]
    [InlineData("x-request-id", "r")]
    [InlineData("x-forebay-anything", "forged")]
    public void What_is_between_the_client_and_us_does_not_cross(string name, string value)
    {
        using HttpRequestMessage to = Copy(new HeaderDictionary { [name] = value });

        Assert.False(to.Headers.NonValidated.Contains(name));
        Assert.False(to.Content!.Headers.NonValidated.Contains(name));
    }

    [Theory]
    [InlineData("anthropic-beta", "never-heard-of-2031-01-01")]
    [InlineData("anthropic-version", "2026-10-21")]
    [InlineData("x-stainless-retry-count", "1")]
    [InlineData("user-agent", "odd (agent/; 1")]
    [InlineData("content-type", "application/json")]
    [InlineData("traceparent", "00-1-2-01")]
    [InlineData("idempotency-key", "k")]
    public void Everything_else_crosses_as_it_is(string name, string value)
    {
        using HttpRequestMessage to = Copy(new HeaderDictionary { [name] = value });

        var headers = name.StartsWith("content", StringComparison.Ordinal)
            ? to.Content!.Headers.NonValidated
            : to.Headers.NonValidated;
        Assert.Equal(value, headers[name].ToString());
    }

    [Fact]
    public void Headers_that_connection_names_end_at_our_hop_both_ways()
    {
        using HttpRequestMessage to = Copy(new HeaderDictionary
        {
            ["Connection"] = "close, X-Hop", ["x-hop"] = "1", ["x-kept"] = "2",
        });
        HeaderDictionary back = CopyBack(("Connection", "X-Hop"), ("x-hop", "1"), ("x-kept", "2"));

        Assert.False(to.Headers.Contains("x-hop"));
        Assert.True(to.Headers.Contains("x-kept"));
        Assert.Equal(["x-kept"], back.Keys);
    }

    [Theory]
    [InlineData(Dialect.Anthropic, Backing.Cloud, "x-api-key", "pool")]
    [InlineData(Dialect.Anthropic, Backing.Real, "Authorization", "Bearer pool")]
    [InlineData(Dialect.Anthropic, Backing.Emulated, "Authorization", "Bearer pool")]
    [InlineData(Dialect.OpenAi, Backing.Cloud, "Authorization", "Bearer pool")]
    public void The_pools_credential_takes_the_place_of_the_clients(
        Dialect dialect, Backing backing, string name, string value)
    {
        var client = new HeaderDictionary { ["x-api-key"] = "client", ["Authorization"] = "Bearer client" };

        using HttpRequestMessage to = Copy(client, dialect, backing, "pool");

        Assert.Equal(value, to.Headers.NonValidated[name].ToString());
        Assert.DoesNotContain("client", to.Headers.ToString());
    }

    [Theory]
    [InlineData("Set-Cookie")]
    [InlineData("request-id")]
    [InlineData("retry-after")]
    [InlineData("anthropic-organization-id")]
    [InlineData("anthropic-ratelimit-tokens-remaining")]
    [InlineData("anthropic-priority-input-tokens-limit")]
    [InlineData("x-ratelimit-limit-requests")]
    [InlineData("x-forebay-provider")]
    [InlineData("content-length")]
    [InlineData("server")]
    [InlineData("www-authenticate")]
    public void What_is_between_us_and_the_upstream_does_not_come_back(string name) =>
        Assert.Empty(CopyBack((name, "5")));

    [Fact]
    public void What_cannot_be_sent_on_is_left_out_and_the_rest_comes_back()
    {
        HeaderDictionary back = CopyBack(
            ("x-bad", "a\u0001b"), ("x-worse", "\u007f"), ("x-tab", "a\tb"), ("x-latin", "caf\u00e9"),
            ("content-type", "application/json"));

        Assert.Equal(["Content-Type", "x-latin", "x-tab"], back.Keys.Order(StringComparer.OrdinalIgnoreCase));
    }

    [Fact]
    public void A_repeated_header_comes_back_repeated() =>
        Assert.Equal("1,2", CopyBack(("x-a", "1"), ("x-a", "2"))["x-a"]);
}
