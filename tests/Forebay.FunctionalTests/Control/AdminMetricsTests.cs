using System.Net;
using System.Text.RegularExpressions;
using Forebay.Control.Admin;
using Forebay.Core.Access;
using Forebay.TestKit;
using Xunit;

namespace Forebay.FunctionalTests.Control;

public sealed partial class AdminMetricsTests
{
    [Fact]
    public async Task A_scrape_is_well_formed_and_shows_fleet_and_runtime()
    {
        await using AdminHarness admin = await AdminHarness.StartAsync();

        using HttpResponseMessage response = await admin.SendAsync(HttpMethod.Get, "/metrics", null);
        string text = await response.Content.ReadAsStringAsync();

        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        Assert.All(text.TrimEnd('\n').Split('\n'), line => Assert.Matches(LineForm(), line));
        Assert.Contains("dotnet_process_memory_working_set_bytes ", text, StringComparison.Ordinal);
        Assert.Contains(
            "forebay_deployment_max_concurrency{backing=\"emulated\",deployment=\"swift-emulated\",model=\"swift\"," +
            "provider=\"north\"} 2",
            text,
            StringComparison.Ordinal);
        string reference = await File.ReadAllTextAsync(
            Path.Combine(SharedFiles.RepositoryRoot, "docs", "reference", "metrics.md"));
        Assert.All(
            FamilyForm().Matches(text).Select(m => m.Groups[1].Value).Where(n => n.StartsWith("forebay_deployment")),
            name => Assert.Contains($"`{name}`", reference, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("127.0.0.1", null, HttpStatusCode.OK)]
    [InlineData("localhost", null, HttpStatusCode.OK)]
    [InlineData("rebound.example", null, HttpStatusCode.Unauthorized)]
    [InlineData("127.0.0.1", "203.0.113.9", HttpStatusCode.Unauthorized)]
    public async Task Without_a_token_only_processes_on_this_machine_may_scrape(
        string host,
        string? forwardedFor,
        HttpStatusCode expected)
    {
        await using AdminHarness admin = await AdminHarness.StartAsync();
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(admin.Server.Address, "/metrics"));
        request.Headers.Host = host;
        if (forwardedFor is not null)
        {
            request.Headers.Add("X-Forwarded-For", forwardedFor);
        }

        using HttpResponseMessage response = await http.SendAsync(request);

        Assert.Equal(expected, response.StatusCode);
    }

    [Fact]
    public async Task Off_loopback_a_scrape_needs_a_token_unless_told_otherwise()
    {
        var everywhere = new IPEndPoint(IPAddress.Any, 0);
        foreach (bool? open in (bool?[])[null, true])
        {
            await using AdminHarness admin = await AdminHarness.StartAsync(
                new AdminServerOptions { Listen = everywhere, LocalMetricsWithoutToken = open });
            using var http = new HttpClient();
            var address = new Uri($"http://127.0.0.1:{admin.Server.Address.Port}/metrics");

            using HttpResponseMessage response = await http.GetAsync(address);

            Assert.Equal(open is null ? HttpStatusCode.Unauthorized : HttpStatusCode.OK, response.StatusCode);
            http.DefaultRequestHeaders.Authorization = new("Bearer", admin.TokenOf(AdminRole.Viewer));
            using HttpResponseMessage withToken = await http.GetAsync(address);
            Assert.Equal(HttpStatusCode.OK, withToken.StatusCode);
        }
    }

    [GeneratedRegex(
        """^(# (HELP|TYPE) [a-zA-Z_:]\w* .+|""" +
        """[a-zA-Z_:]\w*(\{\w+="[^"]*"(,\w+="[^"]*")*\})? (-?[0-9.E+-]+|[+-]Inf|NaN))$""")]
    private static partial Regex LineForm();

    [GeneratedRegex(@"# TYPE (\w+) ")]
    private static partial Regex FamilyForm();
}
