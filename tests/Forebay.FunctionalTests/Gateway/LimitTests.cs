using System.Net;
using System.Text.Json;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Time;
using Forebay.Core.Usage;
using Forebay.TestKit.Time;
using Forebay.TestKit.Upstreams;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>What clients are told of their limits over real sockets: refusals, headers, and when they ask.</summary>
public sealed class LimitTests : IAsyncLifetime
{
    /// <summary>Monday, 2026-06-01 12:00 UTC.</summary>
    private readonly ManualTime _time = new();

    private string _answer = Answers.AnthropicMessage;
    private ScriptedUpstream _upstream = null!;

    public async ValueTask InitializeAsync() => _upstream = await ScriptedUpstream.StartAsync(
        (http, r) => ScriptedUpstream.JsonAsync(
            http, 200, r.Path == "/v1/messages" ? _answer : Answers.OpenAiCompletion));

    public ValueTask DisposeAsync() => _upstream.DisposeAsync();

    [Theory]
    [InlineData("five_hours", "limit_five_hours", "2 requests in five hours", "2026-06-01T17:00:00Z")]
    [InlineData("week", "limit_week", "2 requests in a week", "2026-06-08T00:00:00Z")]
    public async Task A_used_up_window_says_its_unit_and_reset_and_that_retrying_is_pointless(
        string which, string reason, string words, string resets)
    {
        var window = new WindowConfig { Limit = 2, Unit = WindowUnit.Requests };
        await using GatewayHarness gateway = await StartAsync(t => which == "week"
            ? t with { WeeklyWindow = window }
            : t with { FiveHourWindow = window });
        Assert.Equal("200 200", $"{await StatusAsync(gateway)} {await StatusAsync(gateway)}");

        using HttpResponseMessage refused = await SendAsync(gateway);

        string text = await refused.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal(reason, Header(refused, "x-forebay-reason"));
        Assert.Equal("false", Header(refused, "x-should-retry"));
        Assert.Equal("3600", Header(refused, "retry-after"));
        Assert.Contains($"limit of {words} (tier scale)", text, StringComparison.Ordinal);
        Assert.Contains($"0 left, this request needs about 1. It resets at {resets}", text, StringComparison.Ordinal);
        Assert.Equal("0", Header(refused, "anthropic-ratelimit-requests-remaining"));
        Assert.Equal(resets, Header(refused, "anthropic-ratelimit-requests-reset"));
    }

    [Fact]
    public async Task A_window_that_ends_soon_is_worth_a_retry()
    {
        await using GatewayHarness gateway = await StartAsync(
            t => t with { FiveHourWindow = new WindowConfig { Limit = 1, Unit = WindowUnit.Requests } });
        Assert.Equal("200", await StatusAsync(gateway));
        _time.Advance(TimeSpan.FromHours(5) - TimeSpan.FromSeconds(30));

        using HttpResponseMessage refused = await SendAsync(gateway);
        Assert.Equal(("true", "30"), (Header(refused, "x-should-retry"), Header(refused, "retry-after")));

        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal("200", await StatusAsync(gateway));
    }

    [Fact]
    public async Task A_spend_cap_counts_real_prices_and_refuses_in_the_dialects_words()
    {
        // An answer costs 10*3 + 2*3.75 + 3*0.3 + 5*15 = 113.4 millionths, rounded to 113.
        await using GatewayHarness gateway = await StartAsync(t => t with { MonthlySpendUsd = 0.01m });
        int served = 0;
        while (await StatusAsync(gateway) == "200")
        {
            served++;
            Assert.Equal(served * 113, (long)((await LimitAsync(gateway, "monthly_spend_usd")).Used * 1_000_000));
        }

        // What is reserved for 64 tokens of output is 15 times 64 millionths and the prompt's.
        Assert.InRange(served, (10_000 - 1_100) / 113, 10_000 / 113);
        using HttpResponseMessage refused = await gateway.Client.SendAsync(
            GatewayHarness.Chat(GatewayHarness.ChatBody(false, ",\"max_completion_tokens\":64")));
        string text = await refused.Content.ReadAsStringAsync();
        Assert.Equal("limit_spend", Header(refused, "x-forebay-reason"));
        Assert.Contains("\"code\":\"insufficient_quota\"", text, StringComparison.Ordinal);
        Assert.Contains("spend cap of $0.01 a month", text, StringComparison.Ordinal);
        Assert.Contains("resets at 2026-07-01T00:00:00Z", text, StringComparison.Ordinal);
        Assert.Equal("false", Header(refused, "x-should-retry"));
    }

    [Fact]
    public async Task Headers_tell_of_the_limit_that_binds_in_both_dialects()
    {
        await using GatewayHarness gateway = await StartAsync(
            t => t with
            {
                RequestsPerMinute = 100,
                InputTokensPerMinute = 1_000_000,
                OutputTokensPerMinute = 50_000,
                Classes = [new ClassLimitsConfig { Class = "large", RequestsPerMinute = 10, InputTokensPerMinute = 6_000 }],
            },
            c => c with { ModelClasses = [new ModelClassConfig { Id = "large", Models = [GatewayHarness.Model] }] });

        using HttpResponseMessage anthropic = await SendAsync(gateway);
        Assert.Equal(("10", "9"), Pair(anthropic, "anthropic-ratelimit-requests"));
        Assert.Equal("6000", Header(anthropic, "anthropic-ratelimit-input-tokens-limit"));
        Assert.Equal("50000", Header(anthropic, "anthropic-ratelimit-output-tokens-limit"));
        Assert.Equal("49936", Header(anthropic, "anthropic-ratelimit-output-tokens-remaining"));
        Assert.Equal("6000", Header(anthropic, "anthropic-ratelimit-tokens-limit"));
        Assert.Equal("2026-06-01T12:00:06Z", Header(anthropic, "anthropic-ratelimit-requests-reset"));

        using HttpResponseMessage openAi = await gateway.Client.SendAsync(
            GatewayHarness.Chat(GatewayHarness.ChatBody(false, ",\"max_completion_tokens\":64")));
        Assert.Equal("8", Header(openAi, "x-ratelimit-remaining-requests"));
        Assert.Equal("12s", Header(openAi, "x-ratelimit-reset-requests"));
        Assert.Equal("6000", Header(openAi, "x-ratelimit-limit-tokens"));
    }

    [Fact]
    public async Task A_tenant_can_ask_and_asking_counts_nothing()
    {
        await using GatewayHarness gateway = await StartAsync(t => t with
        {
            RequestsPerMinute = 5,
            WeeklyWindow = new WindowConfig { Limit = 1_000, Unit = WindowUnit.Tokens },
        });
        Assert.Equal("200", await StatusAsync(gateway));

        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(1, (await LimitAsync(gateway, "requests_per_minute")).Used);
        }

        using HttpResponseMessage response = await gateway.Client.SendAsync(Get(GatewayHarness.Secret));
        using var view = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        JsonElement root = view.RootElement;
        Assert.Equal(("acme", "scale"), (root.GetProperty("tenant").GetString(), root.GetProperty("tier").GetString()));
        JsonElement week = root.GetProperty("limits").EnumerateArray().Single(
            l => l.GetProperty("name").GetString() == "weekly_window");
        Assert.Equal(("tokens", 17m, "2026-06-08T00:00:00+00:00"), (week.GetProperty("unit").GetString(),
            week.GetProperty("used").GetDecimal(), week.GetProperty("resets_at").GetString()));
        // 983 tokens at 17 a request last longer than four requests.
        Assert.Equal("requests_per_minute", root.GetProperty("binds").GetProperty("name").GetString());

        using HttpResponseMessage nobody = await gateway.Client.SendAsync(Get("fb-wrong"));
        Assert.Equal(HttpStatusCode.Unauthorized, nobody.StatusCode);
    }

    [Fact]
    public async Task Absurd_counts_are_cut_flagged_and_charged_to_nobody()
    {
        _answer = Answers.AnthropicMessage.Replace(
            "\"output_tokens\":5", "\"output_tokens\":999999999", StringComparison.Ordinal);
        await using GatewayHarness gateway = await StartAsync(
            t => t with { WeeklyWindow = new WindowConfig { Limit = 1_000_000, Unit = WindowUnit.Tokens } });

        Assert.Equal("200", await StatusAsync(gateway));

        UsageRecord record = Assert.Single(gateway.Journal.Settled);
        Assert.Equal((64_000, true), (record.Tokens.Output, record.Estimated));
        Assert.Equal(12 + 64_000, (await LimitAsync(gateway, "weekly_window")).Used);
    }

    [Fact]
    public async Task A_request_that_could_not_be_recorded_takes_nothing()
    {
        await using GatewayHarness gateway = await StartAsync(
            t => t with { FiveHourWindow = new WindowConfig { Limit = 5, Unit = WindowUnit.Requests } });
        gateway.Journal.FailsNext = true;

        Assert.Equal("503", await StatusAsync(gateway));

        Assert.Equal(0, (await LimitAsync(gateway, "five_hour_window")).Used);
        Assert.Equal("200", await StatusAsync(gateway));
        Assert.Equal(1, (await LimitAsync(gateway, "five_hour_window")).Used);
    }

    [Fact]
    public async Task A_reload_in_the_middle_of_requests_resets_nothing_and_loses_nothing()
    {
        using var go = new SemaphoreSlim(0);
        await using ScriptedUpstream slow = await ScriptedUpstream.StartAsync(async (http, _) =>
        {
            await go.WaitAsync();
            await ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage);
        });
        TierConfig tier = new() { Id = "scale", WeeklyWindow = new WindowConfig { Limit = 900, Unit = WindowUnit.Tokens } };
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [slow.Address], _time, NullLoggerFactory.Instance, c => WithTier(c, tier));
        Task<string>[] open = [.. Enumerable.Range(0, 4).Select(_ => StatusAsync(gateway))];
        while (gateway.Journal.Open < 4)
        {
            await Task.Yield();
        }

        for (int i = 1; i <= 5; i++)
        {
            FleetConfig next = WithTier(
                GatewayHarness.Fleet([slow.Address]),
                tier with { RequestsPerMinute = 100 * i, WeeklyWindow = tier.WeeklyWindow! with { Limit = 900 - i } });
            Assert.Empty(gateway.Reload(next));
        }

        go.Release(4);
        Assert.All(await Task.WhenAll(open), s => Assert.Equal("200", s));
        Assert.Equal((895m, 4 * 17m), await WeekAsync());

        async Task<(decimal Limit, decimal Used)> WeekAsync()
        {
            LimitStatus week = await LimitAsync(gateway, "weekly_window");
            return (week.Limit, week.Used);
        }
    }

    private Task<GatewayHarness> StartAsync(
        Func<TierConfig, TierConfig> tier, Func<FleetConfig, FleetConfig>? change = null) => GatewayHarness.StartAsync(
        [_upstream.Address], _time, NullLoggerFactory.Instance,
        c => WithTier((change ?? (x => x))(c), tier(new TierConfig { Id = "scale" })));

    private static FleetConfig WithTier(FleetConfig config, TierConfig tier) => config with
    {
        Tiers = [.. config.Tiers.Where(t => t.Id != tier.Id), tier],
    };

    private static Task<HttpResponseMessage> SendAsync(GatewayHarness gateway) =>
        gateway.Client.SendAsync(GatewayHarness.Messages(GatewayHarness.MessagesBody(false)));

    private static async Task<string> StatusAsync(GatewayHarness gateway)
    {
        using HttpResponseMessage response = await SendAsync(gateway);
        return ((int)response.StatusCode).ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    private Task<LimitStatus> LimitAsync(GatewayHarness gateway, string name)
    {
        Tenant tenant = gateway.State.Model.FindTenant("acme")!;
        LimitReport report = gateway.State.LimitsOf(tenant).Report(tenant.Limits, Instant.From(_time));
        return Task.FromResult(report.Limits.Single(l => l.Name == name));
    }

    private static HttpRequestMessage Get(string secret)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/v1/limits");
        request.Headers.Add("x-api-key", secret);
        return request;
    }

    private static string Header(HttpResponseMessage response, string name) => response.Headers.GetValues(name).Single();

    private static (string Limit, string Remaining) Pair(HttpResponseMessage response, string prefix) =>
        (Header(response, prefix + "-limit"), Header(response, prefix + "-remaining"));
}
