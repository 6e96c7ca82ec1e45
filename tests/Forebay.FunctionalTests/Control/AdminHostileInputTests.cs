using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Forebay.Control.Admin;
using Forebay.Core.Access;
using Xunit;

namespace Forebay.FunctionalTests.Control;

public sealed class AdminHostileInputTests : IAsyncLifetime
{
    private AdminHarness _admin = null!;

    public async ValueTask InitializeAsync() => _admin = await AdminHarness.StartAsync();

    public ValueTask DisposeAsync() => _admin.DisposeAsync();

    [Theory]
    [InlineData("GET", "/nothing", HttpStatusCode.NotFound)]
    [InlineData("GET", "/v1/keys/../../etc/passwd", HttpStatusCode.NotFound)]
    [InlineData("DELETE", "/v1/keys", HttpStatusCode.MethodNotAllowed)]
    [InlineData("POST", "/livez", HttpStatusCode.MethodNotAllowed)]
    public async Task What_is_not_offered_is_refused_in_problem_json(string method, string path, HttpStatusCode status)
    {
        using HttpResponseMessage response = await _admin.SendAsync(new HttpMethod(method), path);

        Assert.Equal(status, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        using JsonDocument problem = await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync());
        Assert.Equal(
            Assert.Single(response.Headers.GetValues("request-id")),
            problem.RootElement.GetProperty("request_id").GetString());
    }

    [Theory]
    [InlineData("{", "line 1")]
    [InlineData("{\"name\":\"a\",\"name\":\"b\"}", "repeated names")]
    [InlineData("[1]", "JSON object")]
    [InlineData("\"x\"", "JSON object")]
    [InlineData("{\"a\":[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]}", "not valid JSON")]
    public async Task A_body_that_is_no_object_is_a_400(string body, string words)
    {
        using HttpResponseMessage response = await _admin.SendAsync(HttpMethod.Post, "/v1/keys", AdminRole.Admin, body);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(words, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_past_the_limit_is_a_413_and_one_that_is_not_json_a_415()
    {
        using HttpResponseMessage large = await _admin.SendAsync(
            HttpMethod.Post, "/v1/keys", AdminRole.Admin, new string(' ', AdminServer.MaxBodyBytes + 1));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);

        using var http = new HttpClient { BaseAddress = _admin.Server.Address };
        http.DefaultRequestHeaders.Authorization = new("Bearer", _admin.TokenOf(AdminRole.Admin));
        using HttpResponseMessage form = await http.PostAsync(
            "/v1/keys", new StringContent("tenant=acme", Encoding.UTF8, "text/plain"));
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, form.StatusCode);
    }

    [Theory]
    [InlineData("../forebay.db")]
    [InlineData("/etc/cron.d/x")]
    [InlineData("a/b")]
    [InlineData(".hidden")]
    [InlineData("")]
    [InlineData("a\u0000b")]
    [InlineData("a\n")]
    public async Task A_backup_cannot_be_written_outside_its_folder(string name)
    {
        string[] before = Directory.GetFileSystemEntries(_admin.Data, "*", SearchOption.AllDirectories);

        await _admin.PostAsync(
            "/v1/backup",
            $$"""{"name":{{JsonSerializer.Serialize(name)}}}""",
            HttpStatusCode.UnprocessableEntity);

        Assert.Equal(before, Directory.GetFileSystemEntries(_admin.Data, "*", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("Basic dXNlcjpwYXNz")]
    [InlineData("Bearer ")]
    [InlineData("Bearer fbadm-0000000000000000000000000000000000000000")]
    public async Task Anything_but_a_known_token_is_a_401_that_says_what_to_send(string authorization)
    {
        using var http = new HttpClient { BaseAddress = _admin.Server.Address };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/status");
        request.Headers.TryAddWithoutValidation("Authorization", authorization);

        using HttpResponseMessage response = await http.SendAsync(request);

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal("Bearer", Assert.Single(response.Headers.WwwAuthenticate).Scheme);
    }

    /// <summary>Anybody can call without a token; only so many a minute get a log line. No time passes here.</summary>
    [Fact]
    public async Task Calls_without_a_token_cannot_fill_the_log()
    {
        for (int i = 0; i < 650; i++)
        {
            using HttpResponseMessage response = await _admin.SendAsync(HttpMethod.Get, "/v1/status", null);
            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        }

        string line = _admin.Metrics.Collect().Split('\n').Single(
            l => l.StartsWith("forebay_admin_log_lines_dropped_total ", StringComparison.Ordinal));
        Assert.True(int.Parse(line.Split(' ')[1]) >= 50, line);
    }

    [Fact]
    public async Task Two_authorization_headers_are_one_too_many()
    {
        using var http = new HttpClient { BaseAddress = _admin.Server.Address };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/status");
        string known = $"Bearer {_admin.TokenOf(AdminRole.Admin)}";
        request.Headers.TryAddWithoutValidation("Authorization", [known, known]);

        using HttpResponseMessage response = await http.SendAsync(request);

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Fact]
    public async Task A_store_that_breaks_is_a_500_that_says_nothing_of_the_inside()
    {
        _admin.Store.WriteFailure = new InvalidOperationException("secret inside");

        JsonElement problem = await _admin.PostAsync(
            "/v1/keys", """{"tenant":"acme","name":"ci"}""", HttpStatusCode.InternalServerError);

        Assert.DoesNotContain("secret inside", problem.GetRawText(), StringComparison.Ordinal);
        Assert.Contains(
            problem.GetProperty("request_id").GetString()!,
            problem.GetProperty("detail").GetString(),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_audit_log_that_cannot_be_written_is_a_503_and_nothing_changes()
    {
        _admin.Audit.WriteFailure = new IOException("disk full");

        await _admin.PostAsync("/v1/keys", """{"tenant":"acme","name":"ci"}""", HttpStatusCode.ServiceUnavailable);

        Assert.Equal(0, _admin.Fleet.Keys.Count);
    }

    [Fact]
    public async Task An_expired_token_is_refused()
    {
        var issued = await _admin.Tokens.CreateAsync(
            "brief", AdminRole.Admin, _admin.Time.GetUtcNow().AddMinutes(1), "me", CancellationToken.None);
        _admin.Time.Advance(TimeSpan.FromMinutes(1));
        using var http = new HttpClient { BaseAddress = _admin.Server.Address };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", issued.Secret);

        using HttpResponseMessage response = await http.GetAsync("/v1/status");

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Contains("has expired", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET /livez HTTP/1.1\r\nHost: x\r\nX: {huge}\r\n\r\n", "431")]
    [InlineData("GET /livez?{huge} HTTP/1.1\r\nHost: x\r\n\r\n", "414")]
    [InlineData("GET /livez HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n", "400")]
    [InlineData("POST /v1/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "4")]
    [InlineData("\u0016\u0003\u0001 nonsense\r\n\r\n", "400")]
    public async Task Raw_nonsense_is_answered_and_the_server_lives_on(string request, string status)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, _admin.Server.Address.Port);
        NetworkStream stream = socket.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request.Replace("{huge}", new string('a', 50_000))));
        byte[] head = new byte[16];
        int read = await stream.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false);

        Assert.StartsWith($"HTTP/1.1 {status}", Encoding.Latin1.GetString(head, 0, read), StringComparison.Ordinal);
        using HttpResponseMessage live = await _admin.SendAsync(HttpMethod.Get, "/livez", null);
        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
    }

    [Fact]
    public async Task A_name_with_line_breaks_reaches_neither_log_nor_header()
    {
        JsonElement problem = await _admin.PostAsync(
            "/v1/tokens",
            """{"name":"x\r\nset-cookie: a=b","role":"viewer"}""",
            HttpStatusCode.UnprocessableEntity);

        Assert.Equal("name", problem.GetProperty("errors")[0].GetProperty("field").GetString());
    }

    [Fact]
    public async Task Answers_carry_security_headers_and_no_banner()
    {
        using HttpResponseMessage response = await _admin.SendAsync(HttpMethod.Get, "/v1/status");

        Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
        Assert.True(response.Headers.CacheControl!.NoStore);
        Assert.Contains("default-src 'none'", Assert.Single(response.Headers.GetValues("Content-Security-Policy")));
        Assert.False(response.Headers.Contains("Server"));
        Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
    }
}
