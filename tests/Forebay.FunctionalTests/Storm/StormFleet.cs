using System.Text;
using Forebay.Core.Access;
using Forebay.Core.Serving;
using Forebay.FunctionalTests.Gateway;

namespace Forebay.FunctionalTests.Storm;

/// <summary>Where an upstream stands and what it speaks.</summary>
/// <param name="Name">Its name; its site and pool have the same.</param>
/// <param name="Jurisdiction">Where it is.</param>
/// <param name="InOrbit">Whether its site is a satellite.</param>
/// <param name="Dialects">What it speaks.</param>
/// <param name="IsFrail">Whether it is given up on soon: only such a one may be timed out.</param>
internal sealed record StormPlace(string Name, string Jurisdiction, bool InOrbit, Dialect[] Dialects, bool IsFrail);

/// <summary>A tenant with one key.</summary>
/// <param name="Id">Its id, and the key's.</param>
/// <param name="Tier">Its tier.</param>
/// <param name="Policy">Its residency policy, if any.</param>
/// <param name="Class">Its default data class, if any.</param>
/// <param name="KeyClass">The data class of its key, if any.</param>
/// <param name="Continues">Whether its answers may be gone on with.</param>
internal sealed record StormTenant(
    string Id, string Tier, string? Policy = null, string? Class = null, string? KeyClass = null, bool Continues = true)
{
    public string Secret => $"fb-storm-secret-of-{Id}";

    public ApiKey Key => GatewayHarness.KeyOf($"key_{Id}", Id, Secret) with { DataClass = KeyClass };

    public override string ToString() => Id;
}

/// <summary>The fleet that is stormed, as its file, and what its rules permit: worked out here from the world alone,
/// apart from the code that is tested.</summary>
internal static class StormFleet
{
    /// <summary>Requests that the tenant <c>capped</c> may make a minute.</summary>
    public const int CappedRequestsPerMinute = 30;

    public const string WithPrefill = "tide";
    public const string WithoutContinuation = "sluice";
    public const string WithFinalMessage = "weir";

    private const string EuOnly = "eu-only";
    private const string Moving = "roaming";

    public static IReadOnlyList<StormPlace> Places { get; } =
    [
        new("us-1", "us", false, [Dialect.Anthropic, Dialect.OpenAi], false),
        new("us-2", "us", false, [Dialect.Anthropic], true),
        new("eu-1", "eu", false, [Dialect.Anthropic, Dialect.OpenAi], false),
        new("eu-2", "eu", false, [Dialect.OpenAi], true),
        new("jp-1", "jp", false, [Dialect.Anthropic, Dialect.OpenAi], false),
        new("jp-2", "jp", false, [Dialect.OpenAi], true),
        new("orbit-1", "us", true, [Dialect.Anthropic, Dialect.OpenAi], false),
    ];

    public static IReadOnlyList<string> Models { get; } = [WithPrefill, WithoutContinuation, WithFinalMessage];

    public static IReadOnlyList<StormTenant> Tenants { get; } =
    [
        new("anywhere", "prime"),
        new("european", "plain", EuOnly),
        new("atlantic", "bulk", "atlantic"),
        new("space", "plain", "space"),
        new("careful", "plain", Class: "personal"),
        new("sealed", "prime", KeyClass: "personal"),
        new("proud", "bulk", Continues: false),
        new(Moving, "plain", "by the file"),
        new("capped", "small"),
    ];

    public static string DeploymentOf(string model, string place) => $"{model}-{place}";

    public static ContinuationManner MannerOf(string model) => model switch
    {
        WithPrefill => ContinuationManner.AssistantPrefill,
        WithFinalMessage => ContinuationManner.ContinueFinalMessage,
        _ => ContinuationManner.None,
    };

    public static string JurisdictionOf(StormPlace place, StormWorld world) =>
        world.Fleet.MovedSite && place.Name == "jp-2" ? "us" : place.Jurisdiction;

    /// <summary>Whether residency, classes and geography let a question go to a place.</summary>
    public static bool Resides(StormQuestion question, StormPlace place, StormWorld world)
    {
        string jurisdiction = JurisdictionOf(place, world);
        string? tenants = question.Tenant.Id == Moving ? world.Fleet.Roaming : question.Tenant.Policy;
        string? byClass = question.Tenant.KeyClass ?? question.DataClass ?? question.Tenant.Class;
        return PolicyAllows(tenants, jurisdiction, place.InOrbit)
            && (byClass is null || PolicyAllows(byClass == "personal" ? EuOnly : "atlantic", jurisdiction, place.InOrbit))
            && (question.Geography is null || (question.Geography == jurisdiction && !place.InOrbit));
    }

    /// <summary>Whether all rules let a question go to a place, and there is a deployment.</summary>
    public static bool Permits(StormQuestion question, StormPlace place, StormWorld world)
    {
        StormMask mask = world.MaskOf(question.Model);
        string jurisdiction = JurisdictionOf(place, world);
        return Resides(question, place, world)
            && !(question.Model == WithFinalMessage && jurisdiction == "jp")
            && !mask.Everywhere
            && !(mask.Orbit && place.InOrbit)
            && !mask.Jurisdictions.Contains(jurisdiction)
            && !world.Fleet.Removed.Contains(DeploymentOf(question.Model, place.Name));
    }

    /// <summary>The fleet file.</summary>
    /// <param name="fleet">What reloads change.</param>
    /// <param name="policy">How requests are routed.</param>
    /// <param name="portOf">Where upstreams listen.</param>
    public static string Yaml(StormFleetVersion fleet, string policy, Func<string, int> portOf)
    {
        var yaml = new StringBuilder($$"""
            version: 1
            server:
              gateway: {retry_budget_ratio: 10, max_attempts: 10, max_wait_seconds: 300}
              health:
                {consecutive_failures: 8, open_seconds: 0.05, max_open_seconds: 0.2, account_open_seconds: 0.2, ramp_seconds: 0.2}
              routing: {{policy}}
            providers: [{id: p-us}, {id: p-eu}, {id: p-jp}]
            residency_policies:
              - {id: eu-only, jurisdictions: [eu]}
              - {id: jp-only, jurisdictions: [jp]}
              - {id: atlantic, jurisdictions: [us, eu]}
              - {id: space, jurisdictions: ['*'], site_kinds: [region, datacenter, orbital]}
            data_classes: [{id: personal, residency: eu-only}, {id: records, residency: atlantic}]
            tiers:
              - {id: prime, priority: interactive, weight: 2, {{Windows}}}
              - {id: plain, priority: standard, {{Windows}}}
              - {id: bulk, priority: batch, weight: 3, {{Windows}}}
              - {id: small, priority: standard, requests_per_minute: {{CappedRequestsPerMinute}}, {{Windows}}}
            models:
              - {id: tide, continuation: assistant_prefill, {{Model}}}
              - {id: sluice, {{Model}}}
              - {id: weir, continuation: continue_final_message, export: {deny_jurisdictions: [jp]}, {{Model}}}
            tenants:

            """);
        foreach (StormTenant tenant in Tenants)
        {
            string? residency = tenant.Id == Moving ? fleet.Roaming : tenant.Policy;
            yaml.AppendLine($"  - {{id: {tenant.Id}, tier: {tenant.Tier}"
                + (residency is null ? "" : $", residency: {residency}")
                + (tenant.Class is null ? "" : $", data_class: {tenant.Class}")
                + (tenant.Continues ? "}" : ", continuation: false}"));
        }

        yaml.AppendLine("sites:");
        foreach (StormPlace place in Places)
        {
            string jurisdiction = fleet.MovedSite && place.Name == "jp-2" ? "us" : place.Jurisdiction;
            yaml.AppendLine($"  - {{id: {place.Name}, provider: p-{place.Jurisdiction}, jurisdiction: {jurisdiction}, "
                + (place.InOrbit ? "kind: orbital}" : $"country: {CountryOf(jurisdiction)}}}"));
        }

        yaml.AppendLine("pools:");
        foreach (StormPlace place in Places)
        {
            yaml.AppendLine($"  - {{id: {place.Name}, site: {place.Name}, quota: {{requests_per_minute: 1000}}}}");
        }

        yaml.AppendLine("deployments:");
        IEnumerable<(string, StormPlace)> all = Models.SelectMany(m => Places.Select(p => (m, p)));
        foreach ((string model, StormPlace place) in fleet.Backwards ? all.Reverse() : all)
        {
            string id = DeploymentOf(model, place.Name);
            if (!fleet.Removed.Contains(id))
            {
                yaml.AppendLine(Deployment(id, model, place, fleet, portOf(place.Name)));
            }
        }

        return yaml.ToString();
    }

    private const string Windows =
        "five_hour_window: {limit: 100000000, unit: tokens}, weekly_window: {limit: 100000000, unit: requests}, "
        + "monthly_spend_usd: 100000000";

    private const string Model =
        "context_tokens: 100000, max_output_tokens: 8000, parameters_billion: 70, prices: [{input: 3, output: 15}]";

    private static bool PolicyAllows(string? policy, string jurisdiction, bool inOrbit) => policy switch
    {
        null => !inOrbit,
        EuOnly => jurisdiction == "eu" && !inOrbit,
        "jp-only" => jurisdiction == "jp" && !inOrbit,
        "atlantic" => jurisdiction is "us" or "eu" && !inOrbit,
        "space" => true,
        _ => throw new ArgumentOutOfRangeException(nameof(policy), policy, "A policy of no tenant here."),
    };

    private static string CountryOf(string jurisdiction) => jurisdiction switch { "us" => "US", "eu" => "DE", _ => "JP" };

    private static string Deployment(string id, string model, StormPlace place, StormFleetVersion fleet, int port)
    {
        string dialects = string.Join(", ", place.Dialects.Select(d => d == Dialect.Anthropic ? "anthropic" : "openai"));
        // Only the frail are ever given up on: a busy machine must not make a failure of a slow one.
        string timeouts = place.IsFrail
            ? "first_byte_seconds: 0.3, idle_seconds: 0.3, total_seconds: 20"
            : "first_byte_seconds: 300, idle_seconds: 300, total_seconds: 600";
        return $"  - {{id: {id}, model: {model}, pool: {place.Name}, endpoint: 'http://127.0.0.1:{port}/{id}', "
            + $"dialects: [{dialects}], upstream_model: up-{model}, credential: 'env:{fleet.Credential}', "
            + $"max_concurrency: {fleet.Places}, cost: [{{input: 1, output: 5}}], timeouts: {{{timeouts}}}}}";
    }
}
