using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Health;
using Forebay.Core.Time;
using Forebay.Core.Usage;
using Xunit;

namespace Forebay.FunctionalTests.Control;

public sealed class AdminServerTests : IAsyncLifetime
{
    private AdminHarness _admin = null!;

    public async ValueTask InitializeAsync() => _admin = await AdminHarness.StartAsync();

    public ValueTask DisposeAsync() => _admin.DisposeAsync();

    [Fact]
    public async Task Readiness_fails_at_once_and_names_every_condition()
    {
        using (HttpResponseMessage ready = await _admin.SendAsync(HttpMethod.Get, "/readyz", null))
        {
            Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        }

        _admin.Fleet.Draining = true;
        _admin.Fleet.Model = FleetModel.Empty;
        _admin.Usage.Writable = false;
        using HttpResponseMessage response = await _admin.SendAsync(HttpMethod.Get, "/readyz", null);
        using JsonDocument body = await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync());

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal(
            ["draining", "fleet", "journal"],
            body.RootElement.GetProperty("failing").EnumerateArray().Select(f => Text(f, "condition")));
        using HttpResponseMessage live = await _admin.SendAsync(HttpMethod.Get, "/livez", null);
        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
    }

    [Fact]
    public async Task Status_shows_the_fleet_and_the_counters_of_each_deployment()
    {
        Deployment deployment = _admin.Fleet.Model.Deployments[0];
        Assert.True(_admin.Fleet.Of(deployment).TryEnter(10));
        long now = Instant.From(_admin.Time).MonotonicNs;
        _admin.Fleet.Of(deployment).FailedWith(
            new FailedAttempt(
                Reason.UpstreamTimeout, FailureKind.Failure, now, now, TimeSpan.FromSeconds(5), 10, 0.5),
            new HealthRulesConfig());
        _admin.Fleet.Of(deployment).Report = new EngineReport(now, 3, 1, 0.5, null, null, 120);

        JsonElement status = await _admin.GetAsync("/v1/status");

        Assert.Equal(
            "2 providers, 2 sites, 4 deployments: 1 real, 1 emulated, 1 cloud, 1 not served",
            Text(status.GetProperty("fleet"), "summary"));
        JsonElement first = status.GetProperty("deployments")[0];
        Assert.Equal("deep-real", Text(first, "id"));
        Assert.Equal(1, first.GetProperty("in_flight").GetInt32());
        Assert.Equal("upstream_timeout", Text(first, "last_failure"));
        Assert.Equal(_admin.Time.GetUtcNow().AddSeconds(5), first.GetProperty("down_until").GetDateTimeOffset());
        JsonElement health = first.GetProperty("health");
        Assert.Equal(("open", "asked"), (Text(health, "state"), Text(health, "cause")));
        Assert.Equal(_admin.Time.GetUtcNow(), health.GetProperty("since").GetDateTimeOffset());
        Assert.Equal(4, health.GetProperty("places").GetInt32());
        Assert.Equal(0.5, health.GetProperty("engine").GetProperty("kv_usage_share").GetDouble());
        JsonElement second = status.GetProperty("deployments")[1];
        Assert.False(second.TryGetProperty("down_until", out _));
        Assert.Equal("closed", Text(second.GetProperty("health"), "state"));
    }

    [Fact]
    public async Task A_key_lives_from_creation_over_rotation_to_revocation()
    {
        JsonElement made = await _admin.PostAsync(
            "/v1/keys", """{"tenant":"acme","name":"ci","models":["deep"]}""", HttpStatusCode.Created);
        string id = Text(made.GetProperty("key"), "id");
        JsonElement rotated = await _admin.PostAsync(
            $"/v1/keys/{id}/rotate", """{"overlap_seconds":60}""", HttpStatusCode.Created);
        string next = Text(rotated.GetProperty("key"), "id");
        await _admin.PostAsync($"/v1/keys/{next}/revoke", null, HttpStatusCode.OK);
        _admin.Time.Advance(TimeSpan.FromSeconds(60));

        JsonElement list = await _admin.GetAsync("/v1/keys");

        Assert.Equal(
            new Dictionary<string, string> { [id] = "expired", [next] = "revoked" },
            list.GetProperty("keys").EnumerateArray().ToDictionary(k => Text(k, "id"), k => Text(k, "state")));
        Assert.DoesNotContain(Text(made, "secret"), list.GetRawText(), StringComparison.Ordinal);
        Assert.DoesNotContain("hash", list.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Everything_wrong_with_a_body_is_told_at_once()
    {
        JsonElement problem = await _admin.PostAsync(
            "/v1/keys",
            """{"tenant":"nobody","models":["deep",7,"nope"],"expires":"soon","nmae":"ci"}""",
            HttpStatusCode.UnprocessableEntity);

        Assert.Equal(
            ["expires", "models[1]", "models[2]", "name", "nmae", "tenant"],
            problem.GetProperty("errors").EnumerateArray().Select(e => Text(e, "field")).Order(StringComparer.Ordinal));
        Assert.All(problem.GetProperty("errors").EnumerateArray(), e => Assert.NotEmpty(Text(e, "fix")));
    }

    [Fact]
    public async Task Tokens_are_made_listed_and_revoked_and_a_revoked_one_is_refused()
    {
        JsonElement made = await _admin.PostAsync(
            "/v1/tokens", """{"name":"dash","role":"viewer"}""", HttpStatusCode.Created);
        await _admin.PostAsync(
            $"/v1/tokens/{Text(made.GetProperty("token"), "id")}/revoke", null, HttpStatusCode.OK);

        using var http = new HttpClient { BaseAddress = _admin.Server.Address };
        http.DefaultRequestHeaders.Authorization = new("Bearer", Text(made, "secret"));
        using HttpResponseMessage response = await http.GetAsync("/v1/status");
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Contains("was revoked", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(4, (await _admin.GetAsync("/v1/tokens")).GetProperty("tokens").GetArrayLength());
    }

    [Fact]
    public async Task Every_change_is_in_the_audit_log_with_its_actor_and_the_chain_shows_tampering()
    {
        JsonElement made = await _admin.PostAsync(
            "/v1/keys", """{"tenant":"acme","name":"ci"}""", HttpStatusCode.Created);
        string id = Text(made.GetProperty("key"), "id");
        await _admin.PostAsync($"/v1/keys/{id}/rotate", "{}", HttpStatusCode.Created);
        await _admin.PostAsync($"/v1/keys/{id}/revoke", "{}", HttpStatusCode.OK);
        await _admin.PostAsync("/v1/tokens", """{"name":"t","role":"operator"}""", HttpStatusCode.Created);
        await _admin.PostAsync("/v1/reload", null, HttpStatusCode.OK);
        await _admin.PostAsync("/v1/backup", """{"name":"one.backup"}""", HttpStatusCode.Created);

        JsonElement page = await _admin.GetAsync("/v1/audit?after=3&limit=100");
        JsonElement[] entries = [.. page.GetProperty("entries").EnumerateArray()];
        Assert.Equal(
            ["key.create", "key.rotate", "key.revoke", "token.create", "fleet.reload", "backup.create"],
            entries.Select(e => Text(e, "action")));
        Assert.All(entries, e => Assert.Matches(@"^tok_\w{12} \(admin\)$", Text(e, "actor")));
        Assert.Equal(9, page.GetProperty("next_after").GetInt64());
        Assert.True((await _admin.GetAsync("/v1/audit/verify")).GetProperty("intact").GetBoolean());

        _admin.Audit.Tamper(4, e => e with { Actor = "somebody else" });
        JsonElement broken = await _admin.GetAsync("/v1/audit/verify");
        Assert.False(broken.GetProperty("intact").GetBoolean());
        Assert.Equal(5, broken.GetProperty("first_break").GetInt64());
    }

    [Fact]
    public async Task Usage_is_grouped_filtered_and_comes_as_json_or_csv()
    {
        _admin.Usage.Settle(Record("acme", "deep", 100, 10));
        _admin.Usage.Settle(Record("acme", "deep", 50, 5));
        _admin.Usage.Settle(Record("globex", "swift", 1, 1));

        JsonElement usage = await _admin.GetAsync(
            "/v1/usage?from=2026-06-01&to=2026-06-02&group_by=hour,tenant&model=deep");
        JsonElement row = Assert.Single(usage.GetProperty("rows").EnumerateArray());
        Assert.Equal("acme", Text(row.GetProperty("group"), "tenant"));
        Assert.Equal(150, row.GetProperty("input_tokens").GetInt64());

        using HttpResponseMessage csv = await _admin.SendAsync(
            HttpMethod.Get, "/v1/usage?from=2026-06-01&to=2026-06-02&group_by=tenant&format=csv");
        string[] lines = (await csv.Content.ReadAsStringAsync()).Split("\r\n");
        Assert.StartsWith("tenant,requests,failed_requests,input_tokens,", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("acme,2,0,150,0,0,15,", lines[1], StringComparison.Ordinal);
        Assert.StartsWith("globex,1,0,1,0,0,1,", lines[2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Everything_wrong_with_a_query_is_told_at_once()
    {
        using HttpResponseMessage response = await _admin.SendAsync(
            HttpMethod.Get, "/v1/usage?from=x&group_by=hour,hour,colour&format=xml&limit=3&tenant=a&tenant=b");
        using JsonDocument body = await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync());

        Assert.Equal(HttpStatusCode.UnprocessableEntity, response.StatusCode);
        Assert.Equal(
            ["format", "from", "group_by", "group_by", "limit", "tenant"],
            body.RootElement.GetProperty("errors").EnumerateArray().Select(e => Text(e, "field")).Order());
    }

    [Fact]
    public async Task A_reload_that_finds_problems_tells_them_and_keeps_the_fleet()
    {
        _admin.Reload = () => new ReloadView(
            false, null, [new FileProblemView("pools[2].site", 41, "is not a site.", "Use oslo.")]);

        JsonElement reload = await _admin.PostAsync("/v1/reload", null, HttpStatusCode.UnprocessableEntity);

        Assert.False(reload.GetProperty("applied").GetBoolean());
        Assert.Equal(41, reload.GetProperty("problems")[0].GetProperty("line").GetInt32());
    }

    [Fact]
    public async Task A_backup_is_streamed_with_its_checksum_and_not_kept()
    {
        _admin.BackupContents = RandomNumberGenerator.GetBytes(300_000);

        using HttpResponseMessage response = await _admin.SendAsync(HttpMethod.Post, "/v1/backup");
        byte[] body = await response.Content.ReadAsByteArrayAsync();

        Assert.Equal(_admin.BackupContents, body);
        Assert.Equal(
            Convert.ToHexStringLower(SHA256.HashData(body)),
            Assert.Single(response.Headers.GetValues("x-content-sha256")));
        Assert.Empty(Directory.GetFiles(_admin.BackupFolder));
    }

    [Fact]
    public async Task A_backup_by_name_is_kept_and_never_overwritten()
    {
        JsonElement made = await _admin.PostAsync("/v1/backup", """{"name":"a.backup"}""", HttpStatusCode.Created);

        Assert.Equal(_admin.BackupContents, await File.ReadAllBytesAsync(Text(made, "path")));
        await _admin.PostAsync("/v1/backup", """{"name":"a.backup"}""", HttpStatusCode.Conflict);
    }

    [Fact]
    public async Task The_reason_table_is_served_whole()
    {
        JsonElement errors = await _admin.GetAsync("/v1/errors");

        Assert.Equal(
            ReasonTable.Rows.Select(r => r.Label),
            errors.GetProperty("reasons").EnumerateArray().Select(r => Text(r, "reason")));
    }

    [Fact]
    public async Task A_port_in_use_is_explained()
    {
        var taken = new IPEndPoint(IPAddress.Loopback, _admin.Server.Address.Port);

        IOException e = await Assert.ThrowsAsync<IOException>(
            () => AdminHarness.StartAsync(new AdminServerOptions { Listen = taken }));

        Assert.Contains("--admin-port", e.Message, StringComparison.Ordinal);
    }

    private UsageRecord Record(string tenant, string model, long input, long output) => new()
    {
        RequestId = UInt128.One,
        AcceptedUnixMs = _admin.Time.GetUtcNow().ToUnixTimeMilliseconds(),
        Tenant = tenant,
        Key = "key_x",
        Model = model,
        Provider = "north",
        Outcome = UsageOutcome.Completed,
        Tokens = new TokenUsage(input, 0, 0, output),
    };

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;
}
