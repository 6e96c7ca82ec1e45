using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using Forebay.Core.Capacity;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Usage;
using Forebay.Gateway.Pipeline;
using Forebay.Gateway.Providers;
using Forebay.Gateway.Upstreams;
using Xunit;

namespace Forebay.UnitTests.Gateway.Upstreams;

public sealed class UpstreamVerdictTests
{
    private static readonly Deployment Deployment = new(
        0,
        new DeploymentConfig { Id = "d", Model = "m", Pool = "p" },
        new PoolConfig { Id = "p", Site = "s" },
        new SiteConfig { Id = "s", Provider = "v", Jurisdiction = "us" },
        new ProviderConfig { Id = "v" },
        new Uri("http://127.0.0.1:1"),
        Backing.Cloud,
        PriceSchedule.Compile([]));

    private static (Failure Failure, TimeSpan? Pause) Of(int status, string? header = null, string? value = null)
    {
        using var response = new HttpResponseMessage((HttpStatusCode)status);
        if (header is not null)
        {
            Assert.True(response.Headers.TryAddWithoutValidation(header, value));
        }

        return UpstreamVerdict.Of(response, UpstreamVerdict.MeaningOf(response.StatusCode), Deployment);
    }

    [Fact]
    public void Every_status_is_exactly_one_of_served_verbatim_and_failed()
    {
        int[] ours = [401, 402, 408, 429];
        for (int status = 100; status < 1000; status++)
        {
            AnswerMeaning meaning = UpstreamVerdict.MeaningOf((HttpStatusCode)status);
            bool served = meaning == AnswerMeaning.Success;
            bool verbatim = meaning == AnswerMeaning.Refusal;
            Assert.Equal(status is >= 200 and < 300, served);
            Assert.Equal(status is >= 400 and < 500 && !ours.Contains(status), verbatim);
            if (!served && !verbatim)
            {
                Failure failure = Of(status).Failure;
                Assert.NotEmpty(failure.Message);
                Assert.Equal($"deployment d answered {status}", failure.Detail);
            }
        }
    }

    [Theory]
    [InlineData(101, Reason.UpstreamUnavailable)]
    [InlineData(302, Reason.UpstreamProtocol)]
    [InlineData(304, Reason.UpstreamProtocol)]
    [InlineData(401, Reason.UpstreamAccount)]
    [InlineData(402, Reason.UpstreamAccount)]
    [InlineData(408, Reason.UpstreamTimeout)]
    [InlineData(429, Reason.UpstreamAccount)]
    [InlineData(500, Reason.UpstreamUnavailable)]
    [InlineData(502, Reason.UpstreamUnavailable)]
    [InlineData(503, Reason.UpstreamOverloaded)]
    [InlineData(504, Reason.UpstreamTimeout)]
    [InlineData(529, Reason.UpstreamOverloaded)]
    [InlineData(999, Reason.UpstreamUnavailable)]
    public void Each_failure_has_its_reason(int status, Reason reason) => Assert.Equal(reason, Of(status).Failure.Reason);

    [Theory]
    [InlineData("retry-after", "5", 5.0)]
    [InlineData("retry-after", "0", 0.0)]
    [InlineData("retry-after", "121180", 60.0)]
    [InlineData("retry-after-ms", "1500", 1.5)]
    [InlineData("retry-after-ms", "1e300", null)]
    [InlineData("retry-after-ms", "NaN", null)]
    [InlineData("retry-after-ms", "-1", null)]
    [InlineData("retry-after", "soon", null)]
    [InlineData("retry-after", "-5", null)]
    [InlineData("retry-after", "99999999999999999999", null)]
    [InlineData("x-other", "5", null)]
    public void A_pause_is_taken_where_it_makes_sense_and_no_longer_than_a_minute(
        string header, string value, double? seconds)
    {
        (Failure failure, TimeSpan? pause) = Of(503, header, value);

        Assert.Equal(seconds, pause?.TotalSeconds);
        Assert.Equal(seconds is { } s ? Math.Max(1, (int)Math.Ceiling(s)) : null, failure.RetryAfterSeconds);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(529)]
    public void What_may_be_about_one_request_does_not_take_a_deployment_out(int status)
    {
        (Failure failure, TimeSpan? pause) = Of(status, "retry-after", "5");

        Assert.Null(pause);
        Assert.Equal(5, failure.RetryAfterSeconds);
    }

    [Fact]
    public void A_limit_without_a_time_still_tells_the_client_one() =>
        Assert.Equal(1, Of(429).Failure.RetryAfterSeconds);

    public static TheoryData<Exception, Reason, string> Faults => new()
    {
        {
            new HttpRequestException(HttpRequestError.InvalidResponse, "Received 'the prompt'"),
            Reason.UpstreamProtocol, "InvalidResponse"
        },
        {
            new HttpRequestException(HttpRequestError.ResponseEnded, "the prompt"), Reason.UpstreamCut, "ResponseEnded"
        },
        {
            new HttpRequestException(HttpRequestError.ConnectionError, "Connection refused (127.0.0.1:1)"),
            Reason.UpstreamUnavailable, "Connection refused (127.0.0.1:1)"
        },
        {
            new HttpRequestException(
                HttpRequestError.SecureConnectionError,
                "No connection, see inner exception.",
                new AuthenticationException("UntrustedRoot")),
            Reason.UpstreamUnavailable, "UntrustedRoot"
        },
        {
            new HttpRequestException(
                "the prompt", new IOException("the prompt", new SocketException((int)SocketError.ConnectionReset))),
            Reason.UpstreamCut, "ConnectionReset"
        },
        { new HttpIOException(HttpRequestError.InvalidResponse, "the prompt"), Reason.UpstreamCut, "InvalidResponse" },
        { new IOException("the prompt"), Reason.UpstreamCut, "IOException" },
        { new InvalidDataException("the prompt"), Reason.UpstreamProtocol, "InvalidDataException" },
    };

    [Theory]
    [MemberData(nameof(Faults), DisableDiscoveryEnumeration = true)]
    public void A_fault_has_a_reason_and_words_that_quote_no_answer(Exception fault, Reason reason, string words)
    {
        Assert.True(UpstreamFault.Is(fault));
        Assert.Equal(reason, UpstreamFault.ReasonOf(fault));
        Assert.Equal(words, UpstreamFault.Describe(fault));
    }
}
